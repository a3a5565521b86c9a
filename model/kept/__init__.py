"""Answers that were worked out before: kept in the user's cache folder, never trusted blindly."""
