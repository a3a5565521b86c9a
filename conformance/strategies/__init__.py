"""Strategies: how the scheduler's choices are made."""
