"""The formal model of copy-before-write: its language, the block stack, the designs, the checker."""
