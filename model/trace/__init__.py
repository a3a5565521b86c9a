"""What a counterexample is: its replay by the reference, its explanation, walks by hand."""
