"""The commands of the harness: all that parses options or prints."""
