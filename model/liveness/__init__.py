"""Liveness: who starves, by which loop, and in which order waiters are woken."""
