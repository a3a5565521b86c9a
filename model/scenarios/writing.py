"""A scenario written back, so that what is made of it can carry it along: as a document, and as TOML."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import tomli_w

from cowpath.model.scenarios.mirror import Mirror
from cowpath.model.scenarios.scenario import Request, Scenario
from cowpath.model.scenarios.sizes import SECTOR
from cowpath.model.scenarios.vocabulary import BUNDLED, OPTIONS, Setting


def document(scenario: Scenario) -> dict[str, object]:
    """Return the document that `from_document` reads it from, without what it shows and expects."""

    def size(number: int) -> str | int:
        return f"{number}B" if scenario.in_bytes else number // SECTOR

    def request(each: Request, count: int) -> dict[str, object]:
        table: dict[str, object] = {"kind": each.kind}
        if each.offset is not None and each.length is not None:
            table["at"] = [size(each.offset), size(each.length)]
        said = {"count": count, "stream": each.stream, "fault": each.fault}
        default = {"count": 1, "stream": False, "fault": "none"}
        return table | {key: value for key, value in said.items() if value != default[key]}

    if not scenario.has_disk:
        own = {"sizes": scenario.sizes, "parameters": scenario.parameters, "names": scenario.names}
        return {"name": scenario.name, **{key: {**table} for key, table in own.items() if table}}
    secondary = {
        "request_alignment": size(scenario.request_alignment),
        "protocol_alignment": size(scenario.protocol_alignment),
        "copy_on_read": scenario.copy_on_read,
    }
    known = BUNDLED.options_of(scenario.mirror is not None)
    groups = (list(group) for _, group in groupby(scenario.requests, lambda each: each.group))
    return {
        "name": scenario.name,
        **({} if scenario.in_bytes else {"unit": "sectors"}),
        "sectors": size(scenario.size),
        "cluster": size(scenario.cluster),
        **(
            {"secondary": secondary}
            if scenario.mirror is None
            else {"mirror": _mirror(scenario.mirror, size)}
        ),
        "options": {
            **{name: OPTIONS[name].default for name in known},
            **{name: _extents(said, size) for name, said in scenario.options.items()},
        },
        "request": [request(group[0], len(group)) for group in groups],
    }


def _mirror(mirror: Mirror, size: Callable[[int], str | int]) -> dict[str, object]:
    return {
        "copy_mode": mirror.copy_mode,
        "dirty": _extents(mirror.dirty, size),
        **({} if mirror.buffers is None else {"buffers": mirror.buffers}),
        "target_cluster": size(mirror.target_cluster),
        "backing": mirror.backing,
    }


def _extents(said: Setting, size: Callable[[int], str | int]) -> object:
    """Return the ranges as a list of [start, length], and all else as it is."""
    if isinstance(said, tuple):
        return [[size(start), size(end - start)] for start, end in said]
    return said


def dumps(scenario: Scenario) -> str:
    """Return the document as TOML."""
    return tomli_w.dumps(document(scenario))
