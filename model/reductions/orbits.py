"""Pairs of owners that a renaming takes to each other: what is proved of one is true of the others.

A renaming that leaves the model as it is (see `symmetry`) takes reachable states to reachable states, and
steps to steps. So what is true of two owners' commands wherever the model comes is true of their images.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from cowpath.model.explore.reductions import Need, Permutation
from cowpath.model.finite.ground import GroundModel
from cowpath.model.finite.term import Node, Term, Terms
from cowpath.model.language.sorts import Index
from cowpath.model.reductions.symmetry import Renaming, classes, identity, move, permutation

Pair = tuple[int, int]


@dataclass(frozen=True)
class Image:
    """How a pair of owners comes from the pair `of`; commands by number."""

    of: Pair
    permutation: Permutation
    commands: Mapping[int, int]


def images(model: GroundModel) -> dict[Pair, Image]:
    """Return for each pair of different owners how it comes from another, if one such was there before."""
    assert model.system.finished is not None
    owners = model.system.finished[0].sort
    assert isinstance(owners, Index)
    alike = {
        r: members
        for name, members in classes(model)
        if name == owners.name
        for tree in members
        for r in tree
    }
    number = {(id(c.action), c.arguments): n for n, c in enumerate(model.commands)}
    found: dict[Pair, Image] = {}
    for pair in itertools.permutations(range(len(model.finished)), 2):
        renaming = identity(model)
        for members in {alike[r] for r in pair if r in alike}:
            chosen = list(dict.fromkeys(tree for r in pair for tree in members if r in tree))
            move(renaming[owners.name], members, chosen + [tree for tree in members if tree not in chosen])
        of = (renaming[owners.name].index(pair[0]), renaming[owners.name].index(pair[1]))
        commands = _commands(model, number, renaming)
        if of != pair and commands is not None:
            found[pair] = Image(of, permutation(model, renaming), commands)
    return found


def renamed(terms: Terms, need: Need, other: int, by: Permutation) -> Need:
    """Return the need's image; its terms must compare components with constants, as those of `among` do."""
    return Need(other, _renamed(terms, need.enabled, by), _renamed(terms, need.disabled, by))


def _renamed(terms: Terms, term: Term, by: Permutation) -> Term:
    if isinstance(term, int):
        return term
    match term.kind, term.arguments:
        case "eq", (Node(kind="cell", arguments=(int(cell),)), int(value)):
            return terms.equal(terms.cell(by.to[cell]), by.values[cell][value])
        case "not" | "and" | "or", arguments:
            return terms.rebuild(term, tuple(_renamed(terms, a, by) for a in arguments))
    raise TypeError(term.kind)


def _commands(
    model: GroundModel, number: Mapping[tuple[int, tuple[int, ...]], int], renaming: Renaming
) -> dict[int, int] | None:
    """Return each command's image; None if there is one that the model, as it was narrowed, does without."""
    found = {}
    for n, command in enumerate(model.commands):
        sorts = [p.sort for p in command.action.params]
        image = tuple(
            renaming[sort.name][argument]
            for sort, argument in zip(sorts, command.arguments, strict=True)
            if isinstance(sort, Index)
        )
        if (id(command.action), image) not in number:
            return None
        found[n] = number[id(command.action), image]
    return found
