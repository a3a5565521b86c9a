"""A verification bench for copy-before-write storage: model, checker, proofs, conformance.

The rooms are `cowpath.model`, `cowpath.impl` and `cowpath.conformance`; nothing is imported until it is used.
"""
