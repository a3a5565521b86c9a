"""The harness: schedules the threaded block stack, and holds it against the model."""
