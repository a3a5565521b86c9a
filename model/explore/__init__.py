"""The engines: every reachable state, the shortest traces, within limits."""
