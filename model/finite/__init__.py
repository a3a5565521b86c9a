"""Ground models: a system with one instance's sizes and tables, its reference evaluator, and z3's view."""
