"""Workloads of a mirror, drawn by chance."""

from __future__ import annotations

import random

from cowpath.model.scenarios import Scenario
from cowpath.model.scenarios.mirror import BACKINGS, COPY_MODES
from cowpath.model.scenarios.scenario import from_document
from cowpath.model.scenarios.vocabulary import MIRROR_FAULTS


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
