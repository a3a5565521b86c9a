"""What is seen of a run, in the order in which it happened: the monitor's input.

An event is of one of these kinds, `facts` being what is told beside:

    invoke       the request arrives
    step         one of the model's steps, by its `label`, has taken effect; facts as the stack tells them
                 (`extent`, `mapped`, `waits_for`), and `transfer`: (disk, whether it was written,
                 ((extent, data), ...))
    begin        the request's next transfer, told of in its next step, may take effect from here on
    return       the request comes back; `data` is what a read returns, `error` why it failed
    parked       the requests named in `who` wait, at the end of a step
    rest         nobody can move by itself: whoever is under way waits, or its next step is one of the
                 transfers in `held`, which its disk has not begun. `out` transfers have taken effect, but
                 their owners have not been told so yet: while there are any, nothing is said of who waits
    shows        variables of the model, by name, have these values: who watches has been told so
    map          of each cluster, in `clusters`, whether `disk` has it, when nobody was looking
    content      `disk` holds `data`, read when nobody was looking
    quiescent    nobody can move; who has not returned waits
    deadlock     `cycle`: (waiter, holder) pairs that close
    crash        the request found itself where it must never be: `property` has fallen; without a request:
                 one of those under way did
"""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

from cowpath.conformance.runs.original import ORIGINAL
from cowpath.model.scenarios import Scenario

__all__ = ["ORIGINAL", "Event", "Fact", "Sight", "written_by"]

Fact = tuple[str, Any]


ZEROES = ("nbd-zero", "client-discard", "source-discard", "guest-discard", "guest-zero")
"""Kinds of request that leave zeroes."""


def written_by(scenario: Scenario, number: int) -> int:
    """Return the byte that a request of the scenario writes everywhere: it tells whose data is read."""
    kind = scenario.requests[number].kind
    zeroes = kind in ZEROES or (kind == "guest-read" and scenario.option("discard_source"))
    return 0 if zeroes else number + 1


class Event(NamedTuple):
    """Something that was seen; hashable, so that what the model makes of it is worked out once."""

    kind: str
    request: str = ""
    label: str = ""
    facts: tuple[Fact, ...] = ()

    def fact(self, name: str) -> Any:
        """Return the fact of that name, None if it is not told."""
        for known, value in self.facts:
            if known == name:
                return value
        return None


class Sight(Enum):
    """How much is seen: every step; transfers of data alone; what a client sees.

    Invocations, returns and the end are always seen. `of` is for what has seen more; what none of it is ever
    told of, `hides` says, so that nobody writes such a thing down and believes it judged.
    """

    WHITE = "white"
    GREY = "grey"
    BLACK = "black"

    def of(self, event: Event) -> Event | None:
        """Return what this sight lets through of the event, None if nothing.

        Grey hides whose transfer it is, and of which step: a disk does not know. With black sight a rest
        tells who waits, and only where no transfer is under way.
        """
        if self is Sight.BLACK and event.kind == "rest":
            return Event("rest", facts=(("held", ()), ("out", 0))) if not _transfers(event) else None
        if self is Sight.WHITE or event.kind not in ("step", "parked"):
            return event
        transfer = event.fact("transfer")
        if self is Sight.GREY and transfer is not None:
            return Event("step", facts=(("transfer", transfer),))
        return None

    def hides(self, event: Event) -> bool:
        """Tell whether the event tells more than this sight can judge."""
        return self.of(event) != event


def _transfers(event: Event) -> int:
    """Return how many transfers are under way at a rest."""
    return len(event.fact("held")) + int(event.fact("out"))
