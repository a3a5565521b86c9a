"""A scenario written back as TOML, so that what is made of it can carry it along."""

from __future__ import annotations

import json
from itertools import groupby

from model.scenarios.scenario import Scenario
from model.scenarios.sizes import SECTOR


def dumps(scenario: Scenario) -> str:
    """Return TOML text that reads as the same disks and requests; what is expected of it is left out."""

    def size(length: int) -> str:
        return f'"{length}B"' if scenario.in_bytes else str(length // SECTOR)

    def flag(value: bool) -> str:
        return str(value).lower()

    lines = [
        f"name = {json.dumps(scenario.name, ensure_ascii=False)}",
        f"sectors = {size(scenario.size)}",
        f"cluster = {size(scenario.cluster)}",
        "[secondary]",
        f"request_alignment = {size(scenario.request_alignment)}",
        f"protocol_alignment = {size(scenario.protocol_alignment)}",
        f"copy_on_read = {flag(scenario.copy_on_read)}",
        "[options]",
        f"quiesced_checkpoint = {flag(scenario.quiesced_checkpoint)}",
        f"drain_on_stop = {flag(scenario.drain_on_stop)}",
        f'on_cbw_error = "{scenario.on_cbw_error}"',
    ]
    for _, group in groupby(scenario.requests, lambda request: request.group):
        request, *others = group
        lines += ["[[request]]", f'kind = "{request.kind}"']
        if request.offset is not None and request.length is not None:
            lines.append(f"at = [{size(request.offset)}, {size(request.length)}]")
        lines += [
            f"count = {1 + len(others)}",
            f"stream = {flag(request.stream)}",
            f'fault = "{request.fault}"',
        ]
    return "\n".join(lines) + "\n"
