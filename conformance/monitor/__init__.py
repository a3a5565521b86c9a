"""The monitor: it keeps the set of model states that explain what was seen of a run."""
