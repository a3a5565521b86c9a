"""What is seen of a run, in the order in which it happened: the monitor's input.

An event is of one of these kinds, `facts` being what is told beside:

    invoke       the request arrives
    step         one of the model's steps, by its `label`, has taken effect; facts as the stack tells them
                 (`extent`, `mapped`, `waits_for`), and `transfer`: (disk, whether it was written,
                 ((extent, data), ...))
    begin        the request's next transfer, told of in its next step, may take effect from here on
    return       the request comes back; `data` is what a read returns, `error` why it failed
    parked       the requests named in `who` wait, at the end of a step
    quiescent    nobody can move; who has not returned waits
    deadlock     `cycle`: (waiter, holder) pairs that close
    crash        the request found itself where it must never be: `property` has fallen
"""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

from cowpath.model.scenarios import Scenario

Fact = tuple[str, Any]
ORIGINAL = 0xFF
"""What every byte of the secondary disk is at the start."""


def written_by(scenario: Scenario, number: int) -> int:
    """Return the byte that a request of the scenario writes everywhere: it tells whose data is read."""
    return 0 if scenario.requests[number].kind == "nbd-zero" else number + 1


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

    Invocations, returns and the end are always seen.
    """

    WHITE = "white"
    GREY = "grey"
    BLACK = "black"

    def of(self, event: Event) -> Event | None:
        """Return what this sight lets through of the event, None if nothing.

        Grey hides whose transfer it is, and of which step: a disk does not know.
        """
        if self is Sight.WHITE or event.kind not in ("step", "parked"):
            return event
        transfer = event.fact("transfer")
        if self is Sight.GREY and transfer is not None:
            return Event("step", facts=(("transfer", transfer),))
        return None
