"""Theorems for any number of requests and clusters: obligations, invariants, ranks, z3."""
