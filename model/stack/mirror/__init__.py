"""A mirror job with active writes: the second kind of machine that designs may be of."""
