"""The ground model in the languages of other checkers: Promela for SPIN, TLA+ for TLC."""
