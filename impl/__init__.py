"""A small block stack on real files and real threads: what the model describes, run."""
