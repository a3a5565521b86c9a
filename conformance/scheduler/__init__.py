"""A controlled scheduler: threads that run one at a time, in the order that a strategy chooses."""
