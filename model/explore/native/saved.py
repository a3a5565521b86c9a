"""A native search as a checkpoint: between two layers it is a table, the last layer, and what was counted."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Protocol

import numpy as np

from cowpath.model.explore.native.program import Program, States
from cowpath.model.explore.native.table import Table
from cowpath.model.explore.numpy_engine import Hit
from cowpath.model.kept import answers
from cowpath.model.kept.checkpoint import Checkpoint


class Standing(Protocol):
    """What of a search is saved. Its attributes are those of `search.Search`."""

    program: Program
    table: Table
    layers: list[list[States]] | None
    found: dict[str, tuple[int, Hit]]
    depth: int

    @property
    def states(self) -> int:
        """States found."""
        ...

    @property
    def transitions(self) -> int:
        """Transitions found."""
        ...

    def counted(self) -> dict[str, Any]:
        """Return what else is counted."""
        ...

    def resume(self, states: int, transitions: int) -> None:
        """Go on from so many."""
        ...

    def count_on(self, counted: dict[str, Any]) -> None:
        """Count on."""
        ...


def checkpoint_of(program: Program, kind: str) -> Checkpoint | None:
    """Return where a search of the program is saved, if searches are: its code says all that it does."""
    known = answers.current()
    if known is None:
        return None
    return known.checkpoint(f"{kind} {program.starts.tobytes().hex()} {program.kernel.text}")


def save(search: Standing, layer: list[States], checkpoint: Checkpoint) -> None:
    """Save a search that is about to expand the layer. Raises `InputError` if there is nowhere to."""
    table = search.table
    about: dict[str, Any] = {
        "shape": asdict(table.shape),
        "log_lines": table.log_lines,
        "aside": table.aside,
        "depth": search.depth,
        "states": search.states,
        "transitions": search.transitions,
        "found": search.found,
        "layers": None if search.layers is None else len(search.layers),
    }
    arrays = {"lines": table.lines, "side": table.side, "layer": _rows(search, layer)}
    for number, past in enumerate(search.layers or ()):
        arrays[f"layer.{number}"] = _rows(search, past)
    checkpoint.save(about, arrays | search.counted())


Found = tuple[dict[str, Any], dict[str, Any]]


def load(search: Standing, checkpoint: Checkpoint) -> Found | None:
    """Return what is saved of such a search; None if nothing is, or it is damaged."""
    found = checkpoint.load()
    if found is None or found[0]["shape"] != asdict(search.table.shape):
        return None
    return found


def restore(search: Standing, found: Found) -> list[States]:
    """Let a new search stand where the saved one did; return the next layer."""
    about, arrays = found
    search.table = Table.restored(search.table, about["log_lines"], about["aside"], arrays)
    search.depth = about["depth"]
    search.resume(about["states"], about["transitions"])
    search.found = {
        name: (at, (_ints(key), _ints(state))) for name, (at, (key, state)) in about["found"].items()
    }
    if search.layers is not None:
        number = about["layers"]
        search.layers = None if number is None else [[arrays[f"layer.{n}"]] for n in range(number)]
    search.count_on(arrays)
    return [arrays["layer"]]


def _rows(search: Standing, layer: list[States]) -> np.ndarray[Any, Any]:
    empty = np.empty((0, search.program.kernel.words), dtype=np.uint64)
    return np.concatenate([empty, *layer])


def _ints(values: list[int]) -> tuple[int, ...]:
    return tuple(values)
