"""Designs by name, or from a Python file of the user's that defines `DESIGN`."""

from __future__ import annotations

import difflib
import re
import runpy
import traceback
from pathlib import Path

from cowpath.model.designs.design import Design
from cowpath.model.language.errors import InputError, ModelError


class DesignError(InputError):
    """There is no such design, or its file is wrong; the message is one line."""


def find(name: str, known: dict[str, Design]) -> Design:
    """Return the known design of that name, else the one that a .py file defines.

    The design's model is recorded at once, so that errors in its text come here.
    Raises `DesignError`.
    """
    if name in known:
        return known[name]
    if not name.endswith(".py"):
        near = difflib.get_close_matches(name, known, 1)
        meant = f" (did you mean '{near[0]}'?)" if near else ""
        names = ", ".join(known)
        raise DesignError(
            f"unknown design '{name}'{meant}; accepted: {names}, or a .py file that defines DESIGN"
        )
    if not Path(name).is_file():
        raise DesignError(f"{name}: no such file")
    try:
        design = runpy.run_path(name).get("DESIGN")
        if not isinstance(design, Design):
            raise DesignError(f"{name}: defines no DESIGN; accepted: DESIGN = model.designs.Design(...)")
        design.system  # noqa: B018, recorded here
    except DesignError:
        raise
    except ModelError as error:
        raise DesignError(f"{name}: {error}") from None
    except SyntaxError as error:
        line = f"line {error.lineno}: " if error.lineno else ""
        raise DesignError(f"{name}: {line}{error.msg}") from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the user's own code: whatever it raises, exits included, is bad input
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == name]
        where = f" line {lines[-1]}:" if lines else ""
        raise DesignError(f"{name}:{where} {type(error).__name__}: {error}") from None
    if not re.fullmatch(r"[\w.-]+", design.name):
        raise DesignError(f"{name}: '{design.name}' is no name; accepted: letters, digits, '.', '_' and '-'")
    if design.system.name != design.name:
        raise DesignError(f"{name}: its system is named '{design.system.name}'; accepted: '{design.name}'")
    if design.name in known:
        raise DesignError(f"{name}: '{design.name}' is a bundled design; accepted: a name of its own")
    return design
