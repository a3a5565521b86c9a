"""Scenarios: what is submitted to which disk; the bundled ones are the TOML files of this folder.

Those in `recorded/` say one bug of the public record each; they are found by name, and in no table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from cowpath.model.language.errors import hint, shown
from cowpath.model.language.reading import STDIN
from cowpath.model.scenarios.errors import ScenarioError
from cowpath.model.scenarios.scenario import Request, Scenario, load, loads
from cowpath.model.scenarios.vocabulary import BUNDLED, Vocabulary

__all__ = ["Request", "Scenario", "ScenarioError", "bundled", "find", "load", "loads", "recorded"]

_FOLDER = Path(__file__).parent
_MOST_NAMED = 20
_NUMBER = re.compile(r"^[0-9]+-(?=.)")  # "03-name.toml": the number only orders the files


def bundled() -> tuple[Scenario, ...]:
    """Give the bundled scenarios, in the order of their file names; the slug leaves out a leading "NN-".

    Raises ScenarioError when a bundled file is bad or two of them share a slug or a name.
    """
    return _read_folder(_FOLDER)


def recorded() -> tuple[Scenario, ...]:
    """Give the scenarios that each say a bug of the public record. Otherwise as `bundled`."""
    return _read_folder(_FOLDER / "recorded")


def find(name_or_path: str, vocabulary: Vocabulary = BUNDLED) -> Scenario:
    """Give the bundled scenario with this slug or name (in any case), else the one that is read from there.

    A name that ends in .toml or has a slash is a file's, or a pipe's; '-' is standard input.

    Raises ScenarioError when there is no such scenario, or when the file is bad.
    """
    wanted = name_or_path.casefold()
    for path in _FOLDER.glob("*.toml"):  # one file instead of all
        if _slug(path).casefold() == wanted:
            return _read(path)
    known = bundled()
    for scenario in (*known, *recorded()):
        if wanted in (scenario.slug.casefold(), scenario.name.casefold()):
            return scenario
    if wanted == STDIN or wanted.endswith(".toml") or "/" in wanted:
        return load(name_or_path, vocabulary=vocabulary)
    near = hint(wanted, [word.casefold() for scenario in known for word in (scenario.slug, scenario.name)])
    raise ScenarioError(
        f"unknown scenario {shown(name_or_path)}{near}; accepted: {_names(known)}, a path ending in .toml,"
        " or - for stdin"
    )


def _names(known: Sequence[Scenario]) -> str:
    """Name the scenarios; where they are too many for one line, what prints them."""
    if len(known) > _MOST_NAMED:
        return f"the {len(known)} names that `cowpath scenarios` prints"
    return ", ".join(scenario.slug for scenario in known) or "none is bundled"


@cache
def _read_folder(folder: Path) -> tuple[Scenario, ...]:
    found: dict[str, Path] = {}
    scenarios: list[Scenario] = []
    for path in sorted(folder.glob("*.toml")):
        scenario = _read(path)
        for word in {scenario.slug.casefold(), scenario.name.casefold()}:
            # Otherwise `find` would quietly prefer one of the two.
            if word in found:
                raise ScenarioError(
                    f"{path}: {shown(word)} also names {found[word]}; accepted: a name of its own"
                )
            found[word] = path
        scenarios.append(scenario)
    return tuple(scenarios)


@cache
def _read(path: Path) -> Scenario:
    return replace(load(path), slug=_slug(path))


def _slug(path: Path) -> str:
    return _NUMBER.sub("", path.stem)
