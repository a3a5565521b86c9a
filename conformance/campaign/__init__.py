"""Searches for a run that the model does not explain: campaigns, tours, shrinking, replays."""
