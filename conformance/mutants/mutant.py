"""A mutant: one small fault, where it shows, and to whom it cannot.

A fault of the stack replaces one method (or flag) of a class of `impl` while it is applied, one of the model
is a system made from the design's. Nothing is changed on disk, and nothing stays changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cowpath.model.language.system import System

SIGHTS = ("white", "grey", "black")
_MISSING = object()


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """What is wrong, and the design and scenario on which it shows.

    `survives`: the levels of sight to which it is equivalent, for the reason `why`. `scenario` is the slug
    of a bundled scenario or of one of the mutants' own.
    """

    name: str
    fault: str
    says: str
    design: str
    scenario: str
    survives: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class StackMutant(Mutant):
    """`make` turns the attribute of `owner`, a class or a module of impl, into what stands in its place."""

    owner: Any
    attribute: str
    make: Callable[[Any], Any]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Have the fault in the stack."""
        own = vars(self.owner).get(self.attribute, _MISSING)
        setattr(self.owner, self.attribute, self.make(getattr(self.owner, self.attribute, None)))
        try:
            yield
        finally:
            if own is _MISSING:
                delattr(self.owner, self.attribute)
            else:
                setattr(self.owner, self.attribute, own)


@dataclass(frozen=True, kw_only=True)
class ModelMutant(Mutant):
    """`make` turns the design's system into one with the fault."""

    make: Callable[[System], System]


@dataclass
class Faults:
    """The mutants of one class of faults: decorated functions whose docstrings say what is wrong."""

    called: str
    mutants: list[Mutant] = field(default_factory=list)

    def stack(
        self,
        owner: Any,
        attribute: str,
        design: str,
        scenario: str,
        *,
        survives: tuple[str, ...] = (),
        why: str = "",
    ) -> Callable[[Callable[[Any], Any]], None]:
        """Take the decorated function for the `make` of a mutant of the stack."""

        def register(make: Callable[[Any], Any]) -> None:
            name, says = _told(make)
            self.mutants.append(
                StackMutant(
                    name=name,
                    fault=self.called,
                    says=says,
                    design=design,
                    scenario=scenario,
                    survives=survives,
                    why=why,
                    owner=owner,
                    attribute=attribute,
                    make=make,
                )
            )

        return register

    def model(
        self, design: str, scenario: str, *, survives: tuple[str, ...] = (), why: str = ""
    ) -> Callable[[Callable[[System], System]], None]:
        """Take the decorated function for the `make` of a mutant of the model."""

        def register(make: Callable[[System], System]) -> None:
            name, says = _told(make)
            self.mutants.append(
                ModelMutant(
                    name=f"model-{name}",
                    fault=self.called,
                    says=says,
                    design=design,
                    scenario=scenario,
                    survives=survives,
                    why=why,
                    make=make,
                )
            )

        return register


def _told(make: Callable[..., Any]) -> tuple[str, str]:
    return make.__name__.replace("_", "-"), " ".join((make.__doc__ or "").split())
