"""The parts that designs are made of: each with its state, actions and claims."""
