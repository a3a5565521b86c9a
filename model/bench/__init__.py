"""The questions one may ask of a design: verdicts, minimal traces, theorems, invariants, state graphs."""
