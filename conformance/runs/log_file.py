"""A log as a file: newline-delimited JSON, a header and then an event a line, in the order of the events.

    {"cowpath": 1, "design": "rfc-2016", "sight": "white", "scenario": {...}}
    {"event": "invoke", "request": "guest-read 0"}
    {"event": "step", "request": "guest-read 0", "label": "read.lookup-hidden",
     "extent": [0, 4096], "mapped": false}
    {"event": "step", "request": "nbd-write 1", "label": "cow.read", "transfer": {"disk": "secondary",
     "write": false, "pieces": [{"at": [0, 65536], "data": [[65536, "original"]]}]}}
    {"event": "return", "request": "guest-read 0",
     "pieces": [{"at": [0, 4096], "data": [[4096, "original"]]}]}

(Without the line breaks inside.) `scenario` is a scenario file's content, `design` that whose model the log
is held against. Positions are bytes. Data are run-length coded: [count, byte]. A byte says who wrote it:
request i writes i + 1, an nbd-zero 0. [count, "original"] is what the secondary disk holds there at the
start. Its bytes tell where they belong: at the offset x it is 128 + x // 64 % 127, and so the log shows where
original data have been moved. 255 is for who fills the disk with it: original data of any place.

A piece of a request, which has a thread of its own, is named after the number of its first cluster: the piece
of guest-read 0 from its second cluster on may be "guest-read 0.1".

    event        what it says beside
    invoke       the `request` arrives
    return       it comes back: `pieces` are what a read returns, `error` says that it failed
    step         white sight: `label`, a step of the model, has taken effect for the `request`; `extent`,
                 `mapped`, `waits_for`, `transfer` where it has them
                 grey sight: `transfer` alone, the reading or writing of a disk
    begin        the request's next transfer, told of in its next step, may take effect from here on
    parked       the requests in `who` wait (white sight)
    rest         nobody can move by itself: whoever is under way waits, or has one of the transfers that are
                 `held` as its next step; `out` more have taken effect, but their owners do not know yet
                 (black sight: only where nothing is held or out, so that all who are under way wait)
    shows        whether a mirror is told to be `ready`, `over`, `actively_synced`: 1, or 0 for not
    map          whether a `disk`, hidden or active, has each of the clusters that requests touch: 1 or 0, in
                 `clusters`
    content      what the `disk` holds, in `pieces`, read when nobody wrote
    quiescent    nobody can move: who has not returned waits
    deadlock     `cycle`: [waiter, holder] pairs that close
    crash        the `request` (without: somebody) found an `assertion` violated, or memory freed
                 (`lifetime`), as `property` says; `text`: in its own words

What the header's sight cannot judge is an error: to leave it out would be to call it explained.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cowpath.conformance.runs.log import Event, Fact, Sight
from cowpath.conformance.runs.original import original
from cowpath.impl.extent import Extent
from cowpath.model.language.errors import InputError, shown
from cowpath.model.scenarios import Scenario, ScenarioError
from cowpath.model.scenarios.geometry import reduce
from cowpath.model.scenarios.scenario import from_document
from cowpath.model.scenarios.writing import document

Pieces = Sequence[tuple[Extent, bytes]]
_RUNS = re.compile(rb"(?s)(.)\1*")
_PIECE = re.compile(r"(\.[0-9]+)+$", re.ASCII)
_ORIGINAL = "original"
_OF_MIRROR = ("shows", "content")
_OVERLAYS = ("hidden", "active")
_SHOWN = ("ready", "over", "actively_synced")
_MIRROR_DISKS = ("source", "target")
_DISKS = ("secondary", "hidden", "active", *_MIRROR_DISKS)
_MOST_DATA = 1 << 28  # bytes of data in all: what is told in a few characters may fill the memory


class LogError(InputError):
    """The log is wrong; the message is one line that names the file and the line in it."""


@dataclass(frozen=True)
class Header:
    """What a log is of, and how much it tells."""

    scenario: Scenario
    design: str
    sight: Sight


def write(header: Header, events: Iterable[Event]) -> str:
    """Return a log's text; it tells what the header's sight lets through."""
    first = {"cowpath": 1, "design": header.design, "sight": header.sight.value}
    lines = [json.dumps(first | {"scenario": document(header.scenario)})]
    lines += [json.dumps(_record(event)) for event in map(header.sight.of, events) if event is not None]
    return "\n".join(lines) + "\n"


def read(lines: Iterable[str], name: str) -> tuple[Header, list[Event]]:
    """Return a log's header and events. Raises LogError."""
    records = _records(lines, name)
    number, record = next(records, (1, None))
    if record is None:
        raise LogError(f"{name}: line 1: nothing there; accepted: a header, then an event a line")
    try:
        header = _header(record)
    except (_Bad, ScenarioError) as error:
        raise LogError(f"{name}: line 1: {error}") from None
    requests = [request.label for request in header.scenario.requests]
    events, room = [], _Room(_MOST_DATA)
    for number, record in records:
        try:
            event = _event(record, requests, room)
            _check_place(event, header.scenario)
            events.append(_judged(event, header.sight))
        except _Bad as error:
            raise LogError(f"{name}: line {number}: {error}") from None
    return header, events


def _check_place(event: Event, scenario: Scenario) -> None:
    if event.kind in _OF_MIRROR and scenario.mirror is None:
        raise _Bad(f"{event.kind}: the scenario has no [mirror]; accepted there: no such event")
    if event.kind == "map":
        if scenario.mirror is not None:
            raise _Bad("map: the scenario has a [mirror]; accepted there: no such event")
        if len(event.fact("clusters")) != (count := len(reduce(scenario).clusters)):
            raise _Bad(f"clusters: {len(event.fact('clusters'))}; accepted: one of each touched, {count}")


# -- writing


def _record(event: Event) -> dict[str, Any]:
    record: dict[str, Any] = {"event": event.kind}
    record |= {"request": event.request} if event.request else {}
    record |= {"label": event.label} if event.label else {}
    for name, value in event.facts:
        if name == "data":
            record["pieces"] = _coded(value)
        elif name == "transfer":
            record["transfer"] = _described(value)
        elif name == "held":
            record["held"] = [_described(each) for each in value]
        else:
            record[name] = value
    return record


def _described(transfer: tuple[str, bool, Pieces]) -> dict[str, Any]:
    disk, wrote, pieces = transfer
    return {"disk": disk, "write": wrote, "pieces": _coded(pieces)}


def _coded(pieces: Pieces) -> list[dict[str, Any]]:
    return [{"at": [*extent], "data": _runs(extent.start, data)} for extent, data in pieces]


def _runs(at: int, data: bytes) -> list[list[int | str]]:
    runs: list[list[int | str]] = []
    for run in _RUNS.finditer(data):
        count, start = len(run[0]), at + run.start()
        byte = _ORIGINAL if run[0] == original(start, start + count) else run[0][0]
        if runs and runs[-1][1] == byte == _ORIGINAL:
            runs[-1][0] = int(runs[-1][0]) + count
        else:
            runs.append([count, byte])
    return runs


# -- reading


class _Bad(InputError):
    """What is wrong with a line."""


class _Room:
    """How many bytes of data a log may still tell of."""

    def __init__(self, bytes_: int) -> None:
        self.left = bytes_

    def take(self, extent: Extent) -> None:
        self.left -= extent.length
        if self.left < 0:
            raise _Bad(f"data: more than {_MOST_DATA:,} bytes in all; accepted: fewer, or a shorter log")


def _records(lines: Iterable[str], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            said = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
            raise LogError(
                f"{name}: line {number}: not JSON: {said}; accepted: a JSON object a line"
            ) from None
        if not isinstance(record, dict):
            raise LogError(f"{name}: line {number}: {shown(record)}; accepted: a JSON object a line")
        yield number, record


def _header(record: Mapping[str, Any]) -> Header:
    if record.get("cowpath") != 1:
        raise _Bad('no header; accepted: {"cowpath": 1, "design": ..., "sight": ..., "scenario": ...}')
    _only(record, "cowpath", "design", "sight", "scenario")
    scenario, sights = record.get("scenario"), [sight.value for sight in Sight]
    if not isinstance(scenario, dict):
        raise _Bad(f"scenario: {shown(scenario)}; accepted: an object, what a scenario file holds")
    if record.get("sight") not in sights:
        raise _Bad(f"sight: {shown(record.get('sight'))}; accepted: {', '.join(sights)}")
    return Header(from_document(scenario, "scenario"), _text(record, "design"), Sight(record["sight"]))


def _judged(event: Event, sight: Sight) -> Event:
    if sight.hides(event):
        accepted = _ACCEPTED_AT[sight]
        raise _Bad(f"{event.kind}: {sight.value} sight cannot judge it; accepted there: {accepted}")
    return event


_ACCEPTED_AT = {
    Sight.GREY: "invoke, return, step (a transfer alone), begin, rest, shows, map, content, "
    "quiescent, deadlock, crash",
    Sight.BLACK: "invoke, return, begin, rest (nothing held or out), shows, map, content, "
    "quiescent, deadlock, crash",
}


def _event(record: Mapping[str, Any], requests: Sequence[str], room: _Room) -> Event:
    kind = record.get("event")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise _Bad(f"event: {shown(kind)}; accepted: {', '.join(_KINDS)}")
    _only(record, "event", *_KINDS[kind])
    facts: list[Fact] = []
    for key in _KINDS[kind]:
        if key in record and key not in ("request", "label"):
            facts.append(_fact(kind, key, record[key], requests, room))
    anonymous = kind in ("parked", "rest", "shows", "map", "content", "quiescent", "deadlock")
    anonymous |= kind == "step" and "label" not in record
    anonymous |= kind == "crash" and "request" not in record
    if anonymous and kind == "step" and "transfer" not in record:
        raise _Bad("step: neither a label nor a transfer; accepted: either")
    for key, needed in _NEEDED:
        if kind == needed and key not in record:
            raise _Bad(f"{kind}: no {key}")
    whole = kind in ("invoke", "return")
    request = "" if anonymous else _request(record.get("request"), "request", requests, whole=whole)
    return Event(kind, request, _text(record, "label") if "label" in record else "", tuple(facts))


_KINDS: Mapping[str, tuple[str, ...]] = {
    "invoke": ("request",),
    "return": ("request", "pieces", "error"),
    "step": ("request", "label", "extent", "mapped", "waits_for", "transfer"),
    "begin": ("request",),
    "parked": ("who",),
    "rest": ("held", "out"),
    "shows": _SHOWN,
    "map": ("disk", "clusters"),
    "content": ("disk", "pieces"),
    "quiescent": (),
    "deadlock": ("cycle",),
    "crash": ("request", "property", "text"),
}
_NEEDED = (
    ("who", "parked"), ("held", "rest"), ("out", "rest"), ("disk", "content"), ("pieces", "content"),
    ("disk", "map"), ("clusters", "map"),
    ("cycle", "deadlock"), ("property", "crash"),
)  # fmt: skip


def _fact(kind: str, key: str, value: Any, requests: Sequence[str], room: _Room) -> Fact:
    match key:
        case "pieces":
            return "data", _pieces(value, room)
        case "transfer":
            return key, _transfer(value, room)
        case "extent":
            return key, _extent(value, key)
        case "mapped" if isinstance(value, bool):
            return key, value
        case "waits_for":
            return key, _request(value, key, requests)
        case "who" if isinstance(value, list):
            return key, tuple(_request(name, key, requests) for name in value)
        case "cycle" if isinstance(value, list) and all(isinstance(p, list) and len(p) == 2 for p in value):
            return key, tuple((_request(a, key, requests), _request(b, key, requests)) for a, b in value)
        case "property" if value in ("assertion", "lifetime"):
            return key, value
        case "held" if isinstance(value, list):
            return key, tuple(_transfer(each, room) for each in value)
        case _ if key in _SHOWN and type(value) is int and value in (0, 1):
            return key, value
        case "disk" if value in (_OVERLAYS if kind == "map" else _MIRROR_DISKS):
            return key, value
        case "clusters" if isinstance(value, list) and all(type(k) is int and k in (0, 1) for k in value):
            return key, tuple(value)
        case "out" if type(value) is int and value >= 0:
            return key, value
        case "error" | "text" if isinstance(value, str):
            return key, value
    accepted = ", ".join(_OVERLAYS) if (kind, key) == ("map", "disk") else _ACCEPTED[key]
    raise _Bad(f"{key}: {shown(value)}; accepted: {accepted}")


_ACCEPTED = {
    "mapped": "true or false",
    "who": "a list of requests",
    "cycle": "a list of pairs, [waiter, holder]",
    "property": "assertion, lifetime",
    "held": "a list of transfers",
    "out": "how many, from 0",
    **dict.fromkeys(_SHOWN, "0, 1"),
    "disk": "source, target",
    "clusters": "a list of 0 and 1",
    "error": "a text",
    "text": "a text",
}


def _transfer(value: Any, room: _Room) -> tuple[str, bool, Pieces]:
    if not isinstance(value, dict):
        raise _Bad(f"transfer: {shown(value)}; accepted: an object with disk, write and pieces")
    _only(value, "disk", "write", "pieces")
    if value.get("disk") not in _DISKS:
        raise _Bad(f"transfer.disk: {shown(value.get('disk'))}; accepted: {', '.join(_DISKS)}")
    if not isinstance(value.get("write"), bool):
        raise _Bad(f"transfer.write: {shown(value.get('write'))}; accepted: true or false")
    return value["disk"], value["write"], _pieces(value.get("pieces"), room)


def _pieces(value: Any, room: _Room) -> Pieces:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise _Bad(f'pieces: {shown(value)}; accepted: a list of {{"at": [start, end], "data": runs}}')
    return tuple(_piece(each, room) for each in value)


def _piece(value: Mapping[str, Any], room: _Room) -> tuple[Extent, bytes]:
    _only(value, "at", "data")
    extent, runs = _extent(value.get("at"), "at"), value.get("data")
    if not isinstance(runs, list) or not all(map(_is_run, runs)):
        raise _Bad(
            f'data: {shown(runs)}; accepted: runs, [[count, byte], ...], "original" in place of a byte'
        )
    if sum(count for count, _ in runs) != extent.length:
        raise _Bad(f"data: not as long as {extent}; accepted: runs of {extent.length} bytes in all")
    room.take(extent)
    data, at = bytearray(), extent.start
    for count, byte in runs:
        data += original(at, at + count) if byte == _ORIGINAL else bytes([byte]) * count
        at += count
    return extent, bytes(data)


def _is_run(run: Any) -> bool:
    if isinstance(run, list) and run[1:] == [_ORIGINAL]:
        return _numbers(run[:1], 1)
    return _numbers(run, 2) and run[1] < 256


def _extent(value: Any, key: str) -> Extent:
    if not _numbers(value, 2) or value[0] >= value[1]:
        raise _Bad(f"{key}: {shown(value)}; accepted: [start, end) in bytes, as [start, end]")
    return Extent(*value)


def _numbers(value: Any, count: int) -> bool:
    numbers = isinstance(value, list) and len(value) == count
    return numbers and all(type(number) is int and number >= 0 for number in value)


def _request(value: Any, key: str, requests: Sequence[str], *, whole: bool = False) -> str:
    """Return the name of a request, or of a piece of one, whose first cluster comes after a point."""
    name = _PIECE.sub("", value) if isinstance(value, str) and not whole else value
    if name not in requests:
        raise _Bad(f"{key}: {shown(value)}; accepted: {', '.join(requests)}")
    return str(value)


def _text(record: Mapping[str, Any], key: str) -> str:
    if not isinstance(record.get(key), str):
        raise _Bad(f"{key}: {shown(record.get(key))}; accepted: a text")
    return str(record[key])


def _only(record: Mapping[str, Any], *keys: str) -> None:
    stray = [key for key in record if key not in keys]
    if stray:
        raise _Bad(f"unknown key {shown(stray[0])}; accepted: {', '.join(keys)}")
