"""Workloads of a mirror, drawn by chance."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from cowpath.model.scenarios import Scenario, ScenarioError
from cowpath.model.scenarios.mirror import BACKINGS, COPY_MODES
from cowpath.model.scenarios.scenario import from_document
from cowpath.model.scenarios.vocabulary import MIRROR_FAULTS, MIRROR_OPTIONS, MIRROR_WRITES

_TRIES = 100
_GUEST = MIRROR_WRITES
_UNIT = 2  # sectors of a chunk
_SECTOR = 512


def mirror_workloads(
    seed: str, kinds: Sequence[str], count: int, fits: Callable[[Scenario], bool]
) -> Iterator[Scenario]:
    """Yield so many drawn workloads that fit, of a design's kinds of request; `drawn 0` is first.

    A write of every second one fails, by each of the faults in turn.
    """
    for number in range(count):
        chance = random.Random(f"{seed} {number}")
        fault = MIRROR_FAULTS[number // 2 % len(MIRROR_FAULTS)] if number % 2 else "none"
        for _ in range(_TRIES):
            try:
                scenario = draw_wide(chance, kinds, f"drawn {number}", fault)
            except ScenarioError:  # what a target's clusters do not go with
                continue
            if fits(scenario):
                yield scenario
                break


def draw_wide(chance: random.Random, kinds: Sequence[str], name: str, fault: str = "none") -> Scenario:
    """Return a workload of that name whose runs are seen step by step, so that it may have more states.

    Two to four chunks, of which the last may be short, some of them dirty; two or three writes and discards,
    whose ends may be next to those of chunks, and one of which has the fault; every command of the user's,
    whose job may be short of buffers, its target's clusters may be of several chunks, and its guest's
    requests under way when it starts. Raises ScenarioError if it is one that no model takes.
    """
    chunks = chance.choice((2, 2, 3, 4))
    sectors = _UNIT * chunks - (chance.randrange(4) == 0)
    inside = chance.randrange(4) == 0
    guest: list[dict[str, object]] = []
    for _ in range(chance.choice((2, 2, 3))):
        kind = chance.choice([kind for kind in kinds if kind in _GUEST])
        guest.append({"kind": kind, "at": _extent(chance, sectors, inside=inside)})
    if fault != "none":
        chance.choice(guest)["fault"] = fault
    said = list(chance.choice(([], ["pause"], ["pause", "resume"])))
    said += [kind for kind in ("complete", "change-mode") if chance.randrange(2)]
    changes = "change-mode" in said and "change-mode" in kinds
    return from_document(
        {
            "name": name,
            "unit": "sectors",
            "sectors": sectors,
            "cluster": _UNIT,
            "mirror": {
                "copy_mode": chance.choice((*COPY_MODES, *(COPY_MODES[1:] * 2 if changes else ()))),
                "dirty": [[_UNIT * k, 1] for k in range(chunks) if chance.randrange(2)],
                **({"buffers": chance.randint(1, 2)} if chance.randrange(2) else {}),
                **(_target(chance) if chance.randrange(3) else {}),
            },
            "options": {option: chance.randrange(3) == 0 for option in MIRROR_OPTIONS},
            "request": [*guest, *({"kind": kind} for kind in said if kind in kinds)],
        },
        name,
    )


def _extent(chance: random.Random, sectors: int, *, inside: bool) -> list[object]:
    """Return an extent; with `inside` one or both of its ends are next to a sector's, or to a chunk's."""
    start = chance.randrange(sectors)
    low, high = _SECTOR * start, _SECTOR * chance.randint(start + 1, sectors)
    if inside:
        near = (0, 1, _SECTOR - 1)
        cut = low + chance.choice(near), high - chance.choice(near)
        low, high = cut if cut[0] < cut[1] else (low, high)
    return [f"{low}B", f"{high - low}B"]


def _target(chance: random.Random) -> dict[str, object]:
    """Return a target that has something behind it, in most cases its name only."""
    backing = chance.choice((*BACKINGS[1:], *BACKINGS[-1:] * 2))
    return {"target_cluster": _UNIT * chance.choice((1, 1, 2, 3)), "backing": backing}


def draw_mirror(chance: random.Random, commands: tuple[str, ...], name: str) -> Scenario:
    """Return a workload of that name: two chunks of two sectors, a write or two, maybe a user's command.

    `commands` are those that the user has; who resumes has paused. One write in four is of zeroes. One
    workload in five has a target whose clusters are of two chunks, one data whose write fails.
    """
    chunks = 2  # with more, the states that explain what a client sees are too many
    sectors = 2 * chunks
    writes: list[dict[str, object]] = []
    for _ in range(chance.randint(1, 2)):
        start = chance.randrange(sectors)
        kind = chance.choice(("guest-write", "guest-write", "guest-write", "guest-zero"))
        writes.append({"kind": kind, "at": [start, chance.randint(1, sectors - start)]})
    if chance.randrange(5) == 0 and writes[0]["kind"] == "guest-write":
        writes[0]["fault"] = chance.choice(MIRROR_FAULTS)
    command = chance.choice(("", "", *commands))
    said = {"": [], "resume": ["pause", "resume"]}.get(command, [command])
    job: dict[str, object] = {"copy_mode": chance.choice((COPY_MODES[0], *COPY_MODES))}
    if chance.randrange(3):
        dirty = [k for k in range(chunks) if chance.randrange(2)]
        job["dirty"] = [[2 * k, 2] for k in dirty]
    if chance.randrange(5) == 0:
        job |= {"target_cluster": 4, "backing": chance.choice(BACKINGS[1:])}
    return from_document(
        {
            "name": name,
            "unit": "sectors",
            "sectors": sectors,
            "cluster": 2,
            "mirror": job,
            "request": [*writes, *({"kind": kind} for kind in said)],
        },
        name,
    )
