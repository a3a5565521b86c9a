"""The modelling language: sorts, expressions, actions, systems, claims, verdicts; no block devices."""
