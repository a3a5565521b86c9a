"""Seeded faults, of the threaded stack and of the model: data, and the campaign that hunts them."""
