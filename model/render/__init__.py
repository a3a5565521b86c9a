"""All that is for eyes: text, pictures and pages of traces, verdicts and state graphs."""
