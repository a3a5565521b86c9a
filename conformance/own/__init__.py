"""Anybody's threaded code under the scheduler, its source unchanged, and under a model of one's own."""
