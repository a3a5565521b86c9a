"""Claims: named statements about every element of some index sorts, and what proofs are made of.

A claim is text of the model like any other: the explorer checks it in every state that it reaches, the
prover shows that every action keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cowpath.model.language.declarations import Declarations
from cowpath.model.language.errors import recording
from cowpath.model.language.expression import Expr, Quantified, coerce, local
from cowpath.model.language.program import Group, Program
from cowpath.model.language.sorts import BOOL, Index
from cowpath.model.language.state import State


@dataclass(frozen=True)
class Claim:
    """`body(state, *elements)` for all elements of the index sorts; the name says so in words."""

    name: str
    indices: tuple[Index, ...]
    body: Callable[..., Expr]

    def formula(self, system: Declarations) -> Expr:
        """Return the claim as an expression over the system's state."""
        with recording(f"claim '{self.name}'"):
            bound = tuple(local(index, index.name.lower()) for index in self.indices)
            formula = coerce(self.body(State(system, None), *bound), BOOL)
        for each in reversed(bound):
            formula = Quantified(BOOL, "forall", each, formula)
        return formula


def claim(name: str, *indices: Index) -> Callable[[Callable[..., Expr]], Claim]:
    """Make a claim of the body that follows, a function of the state and one element of each index sort."""
    return lambda body: Claim(name, indices, body)


def placed(program: Program) -> Iterator[Claim]:
    """Yield, for each group that has places of its own in the program, that nobody else is there."""
    for group in dict.fromkeys(place.of for place in program.places.values() if place.of is not None):
        yield _only(program, group)


def _only(program: Program, group: Group) -> Claim:
    names = tuple(place.name for place in program.places.values() if place.of is group)
    where = "places of theirs" if program.variable == "pc" else f"places of theirs in {program.variable}"
    return Claim(
        f"only {group.called} are at {where}",
        (program.owner,),
        lambda s, r: program.at(r, *names).implies(group.holds(s, r)),
    )


@dataclass(frozen=True)
class Level:
    """Owners that wait on one kind of list: `here(state, owner)`; `says` is who they wait for, and why."""

    name: str
    says: str
    here: Callable[[State, Expr], Expr]


@dataclass(frozen=True)
class Landmark:
    """The first position at which `here(state, owner, position)` holds; it must hold somewhere.

    Any condition on a finite order has a first place. Which one to look at is all that a proof must be told
    to see that an owner with a "longest run" ahead can move.
    """

    name: str
    index: Index
    here: Callable[[State, Expr, Expr], Expr]


@dataclass(frozen=True)
class Measure:
    """How far a run has come: `height(state, *elements)`, true or false or of an ordered sort.

    The name says what it is, in words.
    """

    name: str
    indices: tuple[Index, ...]
    height: Callable[..., Expr]


@dataclass(frozen=True)
class Tier:
    """Owners whose steps weigh the same in a rank: `holds(state, owner)`, by the instance alone.

    A step of a lighter tier may begin or end nothing of a weightier one, but not the other way round: what an
    owner starts goes forward in its own right, and starts anew only when its starter has gone forward.
    """

    called: str
    holds: Callable[[State, Expr], Expr]


@dataclass(frozen=True)
class ProofOutline:
    """What the theorems about a system rest on, for any number of elements.

    `given`: what every instance satisfies (tested on the bundled ones). `scope`: what the theorems are
    restricted to. `levels`: highest first; an owner waits only for owners of lower levels, and whoever is
    on none can move. `theorems`: names of properties to prove besides freedom from deadlock. `measures`, the
    weightiest first, show that runs end; `runs`: which runs, as the ones with an endless stream do not.
    `tiers`, the weightiest first, are who starts whom; without any all owners are alike.
    """

    given: tuple[Claim, ...]
    scope: tuple[Claim, ...]
    invariants: tuple[Claim, ...]
    levels: tuple[Level, ...]
    landmarks: tuple[Landmark, ...]
    theorems: tuple[str, ...]
    measures: tuple[Measure, ...] = ()
    runs: tuple[Claim, ...] = ()
    tiers: tuple[Tier, ...] = ()
