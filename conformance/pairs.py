"""The two halves of a design: its model, and the class that runs on threads."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cowpath.impl import designs as threads
from cowpath.impl.design import Design as Secondary
from cowpath.impl.mirror.mirror import Mirror
from cowpath.model import designs as models
from cowpath.model.designs import Design
from cowpath.model.designs.loading import DesignError, check_design, names_of, run_file

Threads = Secondary | Mirror


@dataclass(frozen=True)
class Pair:
    """A design as a model, which judges, and as a class of `impl`, which runs."""

    model: Design
    threads: type[Threads]

    @property
    def name(self) -> str:
        """What both are called."""
        return self.model.name

    @property
    def mirrors(self) -> bool:
        """Whether it is a mirror, whose job does not end, and not a secondary."""
        return issubclass(self.threads, Mirror)

    def runs(self, kind: str) -> bool:
        """Tell whether the threads have a method for requests of the kind."""
        return hasattr(self.threads, method_of(kind))

    @property
    def faults(self) -> Mapping[str, str]:
        """The steps that a fault may strike, and which."""
        transfers = {action.label: action.transfer for action in self.model.system.actions}
        return {label: made.fault for label, made in transfers.items() if made is not None and made.fault}


PAIRS: Mapping[str, Pair] = MappingProxyType(
    {name: Pair(model, threads.DESIGNS[name]) for name, model in models.DESIGNS.items()}
)
"""Of the designs that have a protocol of their own; variants are found by name."""


_THREADS: Mapping[str, type[Threads]] = {**threads.ALL, **threads.MIRRORS}


def every_pair() -> tuple[Pair, ...]:
    """Return all bundled designs that have threads: those of `PAIRS` first, then variants, then mirrors."""
    return tuple(find_pair(name) for name in dict.fromkeys((*PAIRS, *_THREADS)))


def method_of(kind: str) -> str:
    """Return the name of the threads' method for requests of the kind."""
    return "nbd_write" if kind == "nbd-zero" else kind.replace("-", "_")


def find_pair(name: str) -> Pair:
    """Return the bundled pair of that name, else what a .py file defines as DESIGN and THREADS.

    THREADS alone are judged by the bundled model of their `name`. Raises `DesignError`.
    """
    if name in models.ALL:
        if name not in _THREADS:
            raise DesignError(f"{name} is a model without threads; accepted: {', '.join(_THREADS)}")
        return PAIRS.get(name) or Pair(models.ALL[name], _THREADS[name])
    if not name.endswith(".py"):
        raise DesignError(f"{names_of(name, models.ALL)}, or a .py file that defines DESIGN and THREADS")
    defined = run_file(name)
    own = defined.get("THREADS")
    if not (inspect.isclass(own) and issubclass(own, (Secondary, Mirror))):
        raise DesignError(
            f"{name}: defines no THREADS, so there is nothing to run; accepted: THREADS = a subclass of "
            "cowpath.impl.design.Design or cowpath.impl.mirror.mirror.Mirror"
        )
    if "DESIGN" in defined:
        return Pair(check_design(name, defined["DESIGN"], models.ALL), own)
    if own.name not in models.ALL:
        raise DesignError(
            f"{name}: THREADS.name is '{own.name}' and no DESIGN is defined; accepted: a DESIGN beside it, "
            f"or the name of one whose model is to judge: {', '.join(models.ALL)}"
        )
    return Pair(models.ALL[own.name], own)
