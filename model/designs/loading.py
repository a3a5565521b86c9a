"""Designs by name, or from a Python file of the user's that defines `DESIGN`."""

from __future__ import annotations

import os
import re
import runpy
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cowpath.model.designs.design import Change, Design
from cowpath.model.language.claim import Claim, ProofOutline
from cowpath.model.language.errors import InputError, ModelError, hint, shown
from cowpath.model.language.expression import Expr, Read, local
from cowpath.model.language.state import State
from cowpath.model.language.system import System
from cowpath.model.stack.binding import PHRASES
from cowpath.model.stack.part import Parts


class DesignError(InputError):
    """There is no such design, or its file is wrong; the message is one line."""


def find(name: str, known: Mapping[str, Design]) -> Design:
    """Return the known design of that name, else the one that a .py file defines.

    The design's model and its proof are recorded at once, so that errors in its text come here.
    Raises `DesignError`.
    """
    if name in known:
        return known[name]
    if not name.endswith(".py"):
        raise DesignError(f"{names_of(name, known)}, or a .py file that defines DESIGN")
    return check_design(name, run_file(name).get("DESIGN"), known)


def names_of(name: str, known: Collection[str]) -> str:
    """Say that a name is unknown, and which are known."""
    return f"unknown design {shown(name)}{hint(name, known)}; accepted: {', '.join(known)}"


def run_file(name: str) -> dict[str, Any]:
    """Run a Python file of the user's and return what it defines; it may import what lies beside it.

    Raises `DesignError` for whatever goes wrong in it.
    """
    if not os.path.isfile(name):  # which says no to a name that is too long, too
        raise DesignError(f"{name}: no such file")
    beside = str(Path(name).resolve().parent)
    sys.path.append(beside)
    try:
        with _blamed(name):
            return runpy.run_path(name)
    finally:
        sys.path.remove(beside)


def check_design(name: str, design: object, known: Collection[str]) -> Design:
    """Return the design that a file defines, its model recorded. Raises `DesignError`."""
    if not isinstance(design, Design):
        raise DesignError(f"{name}: defines no DESIGN; accepted: DESIGN = cowpath.Design(...)")
    if not isinstance(design.name, str) or not re.fullmatch(r"[\w.-]+", design.name):
        raise DesignError(
            f"{name}: {shown(design.name)} is no name; accepted: letters, digits, '.', '_' and '-'"
        )
    for field, (is_one, accepted) in _FIELDS.items():
        if not is_one(value := getattr(design, field)):
            raise DesignError(f"{name}: {field}: {shown(value)}; accepted: {accepted}")
    if design.name in known:
        raise DesignError(f"{name}: '{design.name}' is a bundled design; accepted: a name of its own")
    with _blamed(name):
        system = design.system
        _record(system, design.proof)
    if system.name != design.name:
        raise DesignError(f"{name}: its system is named '{system.name}'; accepted: '{design.name}'")
    if system.finished is None:
        raise DesignError(
            f"{name}: its system does not say when an owner is finished; accepted: terminal(...)"
        )
    for variable in system.variables.values():
        for read in _reads(variable.initial):
            raise DesignError(
                f"{name}: variable {variable.name}: its initial value reads '{read}', which has none yet; "
                "accepted: constants and parameters"
            )
    return design


def _record(system: System, proof: ProofOutline | None) -> None:
    """Record once what is else recorded when it is needed, so that its mistakes are found now."""
    state = State(system, None)
    for action in system.actions:
        _check_words(action.label, action.says, [param.name for param in action.params])
        for wait in action.waits:
            _check_words(action.label, wait.held, PHRASES if "covers" in system.parameters else ())
    for each in system.lists.values():
        for condition in (each.member, each.leaving):
            if condition is not None and system.finished is not None:
                condition(state, local(system.owners, "owner"))
    if proof is None:
        return
    for claim in (*proof.given, *proof.scope, *proof.invariants, *proof.runs):
        claim.formula(system)
    for level in proof.levels:
        level.here(state, local(system.owners, "owner"))
    for landmark in proof.landmarks:
        landmark.here(state, local(system.owners, "owner"), local(landmark.index, "position"))
    for measure in proof.measures:
        measure.height(state, *(local(index, "element") for index in measure.indices))


def _check_words(label: str, words: str, known: Collection[str]) -> None:
    try:
        words.format(**dict.fromkeys(known, ""))
    except (KeyError, IndexError, ValueError, AttributeError):
        accepted = ", ".join(f"{{{word}}}" for word in known) or "no braces"
        raise ModelError(
            f"action {label}: {shown(words)}: what is in braces stands for something; accepted: {accepted}"
        ) from None


def _reads(expr: Expr) -> Iterator[str]:
    """Yield the names of the variables that an expression reads."""
    if isinstance(expr, Read):
        yield expr.name
    for part in vars(expr).values():
        for each in part if isinstance(part, tuple) else (part,):
            if isinstance(each, Expr):
                yield from _reads(each)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are(kind: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, tuple) and all(isinstance(each, kind) for each in value)


_FIELDS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "era": (_is_text, "a text"),
    "explanation": (_is_text, "a text"),
    "sources": (_are(str), "a tuple of texts"),
    "build": (lambda value: value is None or callable(value), "a function that returns a System"),
    "parts": (lambda value: isinstance(value, Parts), "Parts(...)"),
    "scope": (_are(Claim), "a tuple of claims"),
    "order": (_are(str), "a tuple of names of levels"),
    "theorems": (_are(str), "a tuple of names of properties"),
    "changes": (_are(Change), "a tuple of changes"),
    "argument": (lambda value: value is None or isinstance(value, ProofOutline), "a ProofOutline, or None"),
}
"""What else a design says of itself: what each must be, and in words."""


@contextmanager
def _blamed(name: str) -> Iterator[None]:
    """Turn whatever the user's own code raises, exits included, into one line."""
    try:
        yield
    except DesignError:
        raise
    except ModelError as error:
        raise DesignError(f"{name}: {error}") from None
    except SyntaxError as error:
        line = f"line {error.lineno}: " if error.lineno else ""
        raise DesignError(f"{name}: {line}{error.msg}") from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == name]
        where = f" line {lines[-1]}:" if lines else ""
        raise DesignError(f"{name}:{where} {type(error).__name__}: {error}") from None
