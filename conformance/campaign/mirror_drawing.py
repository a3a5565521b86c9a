"""Workloads of a mirror, drawn by chance."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from cowpath.model.scenarios import Scenario, ScenarioError
from cowpath.model.scenarios.mirror import BACKINGS, COPY_MODES
from cowpath.model.scenarios.scenario import from_document
from cowpath.model.scenarios.vocabulary import MIRROR_FAULTS, MIRROR_KINDS, MIRROR_OPTIONS

_TRIES = 100
_GUEST = MIRROR_KINDS[:2]


def mirror_workloads(
    seed: str, kinds: Sequence[str], count: int, fits: Callable[[Scenario], bool]
) -> Iterator[Scenario]:
    """Yield so many drawn workloads that fit, of a design's kinds of request; `drawn 0` is first."""
    for number in range(count):
        chance = random.Random(f"{seed} {number}")
        for _ in range(_TRIES):
            try:
                scenario = draw_wide(chance, kinds, f"drawn {number}")
            except ScenarioError:  # what a target's clusters do not go with
                continue
            if fits(scenario):
                yield scenario
                break


def draw_wide(chance: random.Random, kinds: Sequence[str], name: str) -> Scenario:
    """Return a workload of that name whose runs are seen step by step, so that it may have more states.

    Two or three chunks, some of them dirty; two or three writes and discards, a third of them failing; every
    command of the user's, who may be short of buffers, and have writes in flight when the job starts.
    Raises ScenarioError if it is one that no model takes.
    """
    sectors = 2 * chance.choice((2, 2, 3))
    guest: list[dict[str, object]] = []
    for _ in range(chance.choice((2, 2, 3))):
        start = chance.randrange(sectors)
        kind = chance.choice([kind for kind in kinds if kind in _GUEST])
        guest.append({"kind": kind, "at": [start, chance.randint(1, sectors - start)]})
    if chance.randrange(3) == 0:
        guest[0]["fault"] = chance.choice(MIRROR_FAULTS)
    ends = [kind for kind in kinds if kind not in (*_GUEST, "pause", "resume")]
    said = chance.choice(([], ["pause"], ["pause", "resume"])) if "pause" in kinds else []
    said = [*said, *chance.sample(ends, chance.randint(0, min(1, len(ends))))]
    dirty = [k for k in range(sectors // 2) if chance.randrange(3)]
    job: dict[str, object] = {"copy_mode": chance.choice(COPY_MODES), "dirty": [[2 * k, 2] for k in dirty]}
    if chance.randrange(3) == 0:
        job["buffers"] = chance.randint(1, 2)
    if chance.randrange(3) == 0:
        job |= {"target_cluster": 2 * chance.choice((1, 2)), "backing": chance.choice(BACKINGS[1:])}
    return from_document(
        {
            "name": name,
            "unit": "sectors",
            "sectors": sectors,
            "cluster": 2,
            "mirror": job,
            "options": {option: chance.randrange(3) == 0 for option in MIRROR_OPTIONS},
            "request": [*guest, *({"kind": kind} for kind in said)],
        },
        name,
    )


def draw_mirror(chance: random.Random, commands: tuple[str, ...], name: str) -> Scenario:
    """Return a workload of that name: two chunks of two sectors, a write or two, maybe a user's command.

    `commands` are those that the user has; who resumes has paused. One workload in five has a target whose
    clusters are of two chunks, one a write that fails.
    """
    chunks = 2  # with more, the states that explain what a client sees are too many
    sectors = 2 * chunks
    writes: list[dict[str, object]] = []
    for _ in range(chance.randint(1, 2)):
        start = chance.randrange(sectors)
        writes.append({"kind": "guest-write", "at": [start, chance.randint(1, sectors - start)]})
    if chance.randrange(5) == 0:
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
