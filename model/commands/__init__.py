"""The commands of the model: all that parses options or prints."""
