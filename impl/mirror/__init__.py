"""The active mirror: a job that makes a target the same as a source that a guest writes meanwhile."""
