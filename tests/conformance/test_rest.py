"""What a rest tells: that nobody moves by itself, and whose next transfers are held; with each sight."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cowpath.conformance.monitor import explain
from cowpath.conformance.monitor.monitor import judge
from cowpath.conformance.monitor.oracle import Oracle
from cowpath.conformance.runs.log import Event, Sight
from cowpath.conformance.runs.log_file import Header, LogError, read, write
from cowpath.impl.extent import Extent
from cowpath.model.designs import DESIGNS
from cowpath.model.scenarios import Scenario, find

RACE = find("race")
READ, WRITE = (request.label for request in RACE.requests)
Transfer = tuple[str, bool, tuple[tuple[Extent, bytes], ...]]
CLUSTER = 65536


def transfer(disk: str, start: int, end: int, data: bytes, *, wrote: bool = False) -> Transfer:
    return disk, wrote, ((Extent(start, end), data * (end - start)),)


OF_THE_READ = transfer("secondary", 0, 4096, b"\xff")
OF_THE_COPY = transfer("secondary", 0, CLUSTER, b"\xff")
TO_THE_COPY = transfer("hidden", 0, CLUSTER, b"\xff", wrote=True)
OF_THE_WRITE = transfer("secondary", 512, 1024, b"\x02", wrote=True)


def rest(*held: Transfer, out: int = 0) -> Event:
    return Event("rest", facts=(("held", held), ("out", out)))


def step(of: Transfer) -> Event:
    return Event("step", facts=(("transfer", of),))


def arrival(name: str) -> Event:
    return Event("invoke", name)


def why(events: Sequence[Event], sight: Sight = Sight.GREY) -> str | None:
    oracle = Oracle(DESIGNS["copy-before-write-9.2"], RACE, sight)
    refusal = judge(oracle, events)
    return None if refusal is None else explain.reason(oracle, refusal)


HELD_READ = [arrival(READ), rest(OF_THE_READ), arrival(WRITE), rest(OF_THE_READ, OF_THE_COPY)]
COPIED = [*HELD_READ, step(OF_THE_COPY), rest(OF_THE_READ, TO_THE_COPY), step(TO_THE_COPY)]


def test_a_write_that_waits_for_a_frozen_read_rests() -> None:
    assert why([*COPIED, rest(OF_THE_READ)]) is None
    done = Event("return", READ, facts=(("data", OF_THE_READ[2]),))
    assert why([*COPIED, rest(OF_THE_READ), step(OF_THE_READ), done, rest(OF_THE_WRITE)]) is None


def test_the_order_of_those_held_does_not_count() -> None:
    assert why([*HELD_READ[:-1], rest(OF_THE_COPY, OF_THE_READ)]) is None


def test_who_moves_though_the_model_has_it_wait_is_refused() -> None:
    assert why([*COPIED, rest(OF_THE_READ, OF_THE_WRITE)]) == (
        "a write to the secondary disk at [512, 1024) is held, which is nobody's next step"
    )


def test_who_waits_though_the_model_lets_it_go_is_refused() -> None:
    waits = f"{WRITE} waits, but the model lets it go on"
    assert waits in str(why([*HELD_READ[:-1], rest(OF_THE_READ)]))
    assert "waits, but the model lets it go on" in str(why([arrival(READ), rest()]))


def test_one_transfer_is_not_held_twice() -> None:
    assert why([arrival(READ), rest(OF_THE_READ, OF_THE_READ)]) == (
        "2 transfers are held at once, in the model not so many are next steps"
    )


def test_what_is_held_is_compared_byte_by_byte() -> None:
    other = transfer("secondary", 0, 4096, b"\x02")
    assert str(why([arrival(READ), rest(other)])).startswith(
        "a read of the secondary disk at [0, 4096) is held: the model reads original data at"
    )


def test_while_transfers_are_out_nothing_is_said_of_who_waits() -> None:
    read = [arrival(READ), rest(OF_THE_READ), step(OF_THE_READ)]
    assert "does not return" in str(why([*read, rest()]))
    assert why([*read, rest(out=1)]) is None
    assert why([*read, rest(OF_THE_COPY, out=1)]) is not None  # but of what is held


def test_a_client_sees_only_that_somebody_hangs() -> None:
    assert why([arrival(READ), rest(OF_THE_READ)], Sight.BLACK) is None
    assert why([arrival(READ), rest(out=1)], Sight.BLACK) is None
    assert "does not return" in str(why([arrival(READ), rest()], Sight.BLACK))


def test_who_crashes_need_not_be_known() -> None:
    fallen = (("property", "assertion"), ("text", "Assertion `!overlap' failed."))
    slug, design = "neighbours", "rfc-2016"
    oracle = Oracle(DESIGNS[design], find(slug), Sight.BLACK)
    invoked = [Event("invoke", request.label) for request in find(slug).requests]
    assert judge(oracle, [*invoked, Event("crash", facts=fallen)]) is None
    refusal = judge(oracle, [invoked[0], Event("crash", facts=fallen)])
    assert refusal is not None
    assert explain.reason(oracle, refusal) == "somebody crashes: assertion, which holds in the model"


# -- as a file


def log(events: Sequence[Event], sight: Sight, scenario: Scenario = RACE) -> str:
    return write(Header(scenario, "copy-before-write-9.2", sight), events)


@pytest.mark.parametrize("sight", list(Sight))
def test_a_log_tells_what_its_sight_judges(sight: Sight) -> None:
    crash = Event("crash", facts=(("property", "assertion"), ("text", "words")))
    events = [*COPIED, rest(OF_THE_READ), step(OF_THE_READ), rest(out=1), rest(), crash]
    header, again = read(log(events, sight).splitlines(), "log")
    assert again == [seen for seen in map(sight.of, events) if seen is not None]
    assert header.sight is sight


NOT_JUDGED: dict[str, tuple[Sight, Event]] = {
    "parked, grey": (Sight.GREY, Event("parked", facts=(("who", (READ,)),))),
    "parked, black": (Sight.BLACK, Event("parked", facts=(("who", (READ,)),))),
    "a transfer, black": (Sight.BLACK, step(OF_THE_READ)),
    "a step's owner, grey": (
        Sight.GREY,
        Event("step", READ, "snapshot.source", (("transfer", OF_THE_READ),)),
    ),
    "a rest with transfers, black": (Sight.BLACK, rest(OF_THE_READ)),
    "a rest with answers, black": (Sight.BLACK, rest(out=1)),
}


@pytest.mark.parametrize("case", list(NOT_JUDGED))
def test_what_a_sight_cannot_judge_is_bad_input(case: str) -> None:
    sight, event = NOT_JUDGED[case]
    told = log([event], Sight.WHITE).splitlines()
    text = [log([], sight).splitlines()[0], told[1]]
    refused = f"log: line 2: {event.kind}: {sight.value} sight cannot judge it; accepted"
    with pytest.raises(LogError, match=refused):
        read(text, "log")


WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no held": (lambda r: r.pop("held"), "rest: no held"),
    "no out": (lambda r: r.pop("out"), "rest: no out"),
    "held": (lambda r: r.update(held=3), "held: 3; accepted: a list of transfers"),
    "out": (lambda r: r.update(out=-1), "out: -1; accepted: how many, from 0"),
    "who": (lambda r: r.update(who=[]), "unknown key 'who'"),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_a_rest_that_is_wrong_is_one_line(case: str) -> None:
    change, message = WRONG[case]
    first, second = log([rest(OF_THE_READ)], Sight.GREY).splitlines()
    record = json.loads(second)
    change(record)
    with pytest.raises(LogError) as error:
        read([first, json.dumps(record)], "log")
    assert message in str(error.value)
