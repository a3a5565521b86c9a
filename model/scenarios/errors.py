"""What a bad scenario raises."""

from __future__ import annotations

from cowpath.model.language.errors import InputError


class ScenarioError(InputError):
    """Bad scenario input: one line that names the file, the key and what is accepted."""
