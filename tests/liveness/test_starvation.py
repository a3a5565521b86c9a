"""Who can be passed over for ever: toys worked out by hand, and the designs against another definition."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import product

import networkx as nx
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from cowpath.conformance import Bounds, scenarios
from cowpath.model.bench.check import check
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.explore.program import Program
from cowpath.model.explore.result import UNLIMITED, Limits, Question
from cowpath.model.finite.domains import Narrowed, narrow
from cowpath.model.finite.ground import ground
from cowpath.model.language.expression import Expr, exists, forall, nobody
from cowpath.model.language.system import State, System
from cowpath.model.language.verdict import Verdict
from cowpath.model.liveness import starvation, step_graph
from cowpath.model.liveness.graph import stranded
from cowpath.model.liveness.runs import Lasso
from cowpath.model.liveness.starvation import starve
from cowpath.model.render.text import render
from cowpath.model.scenarios import Scenario, bundled, loads
from cowpath.model.stack.assembly import assemble
from cowpath.model.stack.world import Request, Sector
from cowpath.model.trace.lasso import replay_lasso
from cowpath.model.trace.waiting import ReplayError
from tests.draws import first, some
from tests.liveness.starving import STREAMS, narrowed_of, seen, silent, starved
from tests.toys import Owner, column, dining, instance

Pairs = Collection[tuple[int, int]]

fixed = settings(derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def admission(
    owners: int,
    conflicts: Pairs,
    *,
    streams: Collection[int],
    restless: Collection[int] = (),
    keeps: Collection[int] = (),
    waits: bool = True,
) -> Narrowed:
    """Owners come, go in while nobody inside is in conflict with them, and leave; streams come again.

    Who is restless goes back to waiting for ever; who keeps stays in the others' way when it is over. Where
    nobody `waits`, an owner only looks whether it may go in: then there is nothing to be woken from.
    """
    system = System("admission")
    for name in ("stream", "restless", "keeps"):
        system.parameter(name, Owner)
    system.parameter("conflict", Owner, Owner)
    system.program(Owner, start="away", places=("waiting", "inside"), ends=("over",))

    def in_the_way(s: State, r: Expr, q: Expr) -> Expr:
        stays = (s.pc[q] == "inside") | (s.keeps[q] & (s.pc[q] == "over"))
        return (r != q) & s.conflict[r, q] & stays

    @system.action("come", r=Owner)
    def come(s: State, r: Expr) -> None:
        s.require(s.pc[r] == "away", "at away", location=True)
        s.pc[r] = "waiting"

    @system.action("enter", r=Owner)
    def enter(s: State, r: Expr) -> None:
        s.require(s.pc[r] == "waiting", "at waiting", location=True)
        if waits:
            s.wait_while(Owner, lambda q: in_the_way(s, r, q), on="the door", held="its place")
        else:
            s.require(~exists(Owner, lambda q: in_the_way(s, r, q)), "free")
        s.pc[r] = "inside"

    @system.action("leave", r=Owner)
    def leave(s: State, r: Expr) -> None:
        s.require((s.pc[r] == "inside") & ~s.restless[r], "at inside", location=True)
        s.pc[r] = "over"

    @system.action("go back", r=Owner)
    def go_back(s: State, r: Expr) -> None:
        s.require((s.pc[r] == "inside") & s.restless[r], "at inside, restless", location=True)
        s.pc[r] = "waiting"

    @system.action("again", r=Owner)
    def again(s: State, r: Expr) -> None:
        s.require((s.pc[r] == "over") & s.stream[r], "at over", location=True)
        s.pc[r] = "away"

    system.terminal(Owner, lambda s, r: (s.pc[r] == "over") | (s.stream[r] & (s.pc[r] == "away")))
    system.progress(Owner, lambda s, r: (s.pc[r] == "waiting") | (s.pc[r] == "inside"))
    either_way = {*conflicts, *((q, r) for r, q in conflicts)}
    tables = {
        name: column(*(int(r in some) for r in range(owners)))
        for name, some in (("stream", streams), ("restless", restless), ("keeps", keeps))
    }
    pairs: list[tuple[int, ...]] = list(product(range(owners), repeat=2))
    met = {pair: int(pair in either_way) for pair in pairs}
    return narrow(ground(system, instance({"Owner": owners}, conflict=met, **tables)))


ALL_OF_THREE = [(0, 1), (0, 2), (1, 2)]
TOYS = {
    "nobody comes again": (admission(3, ALL_OF_THREE, streams=[]), ()),
    "a lock is handed on": (admission(3, ALL_OF_THREE, streams=[0, 1, 2]), ()),
    "two readers keep out a writer": (admission(3, [(0, 1), (0, 2)], streams=[1, 2]), (0,)),
    "and its stream": (admission(3, [(0, 1), (0, 2)], streams=[0, 1, 2]), (0,)),
    "one reader does not": (admission(3, [(0, 1), (0, 2)], streams=[1]), ()),
    "nor do two that wait for each other": (admission(3, ALL_OF_THREE, streams=[1, 2]), ()),
    "who is not woken may be overtaken by one": (admission(2, [(0, 1)], streams=[1], waits=False), (0,)),
    "who goes round never comes to its end": (admission(2, [], streams=[], restless=[1]), (1,)),
    "and is in nobody's way for ever": (admission(2, [(0, 1)], streams=[], restless=[1]), (1,)),
    "who waits for one that is over": (admission(3, [(0, 1)], streams=[2], keeps=[1]), (0,)),
    "and only an arrival is left, which may not come": (admission(3, [(0, 1)], streams=[], keeps=[1]), (0,)),
    "but if all stands still it is a deadlock": (admission(2, [(0, 1)], streams=[], keeps=[1]), ()),
}  # fmt: skip


@pytest.mark.parametrize("name", TOYS)
def test_toys(name: str) -> None:
    narrowed, expected = TOYS[name]
    assert starved(narrowed) == expected
    if "not woken" not in name and "arrival" not in name:  # the other asks more of who looks, less of others
        assert strongly_starved(narrowed) == set(expected)


def test_who_is_left_behind_has_a_path_and_no_loop() -> None:
    narrowed = admission(3, [(0, 1)], streams=[2], keeps=[1])
    alone = stranded(seen(narrowed))
    assert alone is not None
    assert step_graph.explore(narrowed, UNLIMITED, silent).stranded
    for most in (20_000, 1):  # beyond which NumPy goes on
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(starvation, "MOST", most)
            found = starve(narrowed, UNLIMITED, silent)
        assert found.lasso == Lasso(0, alone, ())
    commands = [narrowed.model.commands[n] for n in alone]
    assert sorted(c.action.label for c in commands) == ["come", "come", "enter", "leave"]
    path = [(c.action, c.arguments) for c in commands]
    model = narrowed.model
    trace = replay_lasso(model.system, model.instance, "some", (0,), path, [])
    text = " ".join(render(trace, "it says so").split())
    assert "progress, 4 steps, then nothing" in text
    assert "owner 0 is left behind: it waits for owner 1 on the door, and only an arrival could help." in text
    with pytest.raises(ReplayError, match=r"not pending|could go on"):
        replay_lasso(model.system, model.instance, "some", (0,), path[:-1], [])


def test_who_is_deadlocked_does_not_starve() -> None:
    """The owners of two locks wait for each other while somebody ticks for ever."""
    toy = dining(2, patient=False)
    toy.system.progress(Owner, lambda s, r: (s.pc[r] == "one") | (s.pc[r] == "both"))
    found = starve(narrow(ground(toy.system, toy.instance)), UNLIMITED, silent)
    assert (found.starved, found.stopped) == ((), None)
    assert found.nodes > 0


def test_where_no_run_is_infinite_no_queues_are_needed() -> None:
    assert starve(TOYS["nobody comes again"][0], UNLIMITED, silent).nodes == 0


@st.composite
def doors(draw: st.DrawFn) -> tuple[int, Pairs, Collection[int]]:
    owners = draw(st.integers(2, 4))
    pairs = [(r, q) for r in range(owners) for q in range(r)]
    return owners, draw(st.sets(st.sampled_from(pairs))), draw(st.sets(st.integers(0, owners - 1)))


@settings(fixed, max_examples=80)
@given(doors())
def test_one_starves_iff_two_streams_are_in_its_way_and_not_in_each_others(
    door: tuple[int, Pairs, Collection[int]],
) -> None:
    owners, conflicts, streams = door

    def meet(r: int, q: int) -> bool:
        return (r, q) in conflicts or (q, r) in conflicts

    def passed(r: int) -> bool:
        before = [q for q in streams if meet(r, q)]
        return any(not meet(q, p) for q in before for p in before if p != q)

    expected = tuple(filter(passed, range(owners)))
    assert starved(admission(owners, conflicts, streams=streams)) == expected
    event(f"starve: {len(expected)}")


# -- another definition


def strongly_starved(narrowed: Narrowed) -> set[int]:
    """Starvation without queues, under strong fairness: whoever again and again could move, or could take a
    step after which it does not wait, again and again does so.

    Components are taken apart where one of these is owed (Streett's condition; Lichtenstein and Pnueli,
    1985; Emerson and Lei, 1987).
    """
    pending_questions = tuple(Question(str(r), term) for r, term in enumerate(narrowed.model.owed))
    program = Program(narrowed, pending_questions)
    pending: dict[bytes, set[int]] = {}
    steps: dict[bytes, list[tuple[int, bytes]]] = {}
    dead = set()
    todo = [program.initial]
    while todo:
        state = todo.pop()
        if state in steps:
            continue
        pending[state] = {int(r) for r in program.answers(state)}
        successors = program.successors(state)
        steps[state] = [(program.owners[command], after) for command, after in successors]
        todo += [after for _, after in successors]
        if program.deadlocked(state, successors):
            dead.add(state)
    able = {state: {owner for owner, _ in moves} for state, moves in steps.items()}

    def kept(state: bytes, owner: int, after: bytes) -> set[tuple[str, int]]:
        if owner not in pending[state]:
            return set()
        waits = owner in pending[after] and owner not in able[after]
        return {("moves", owner)} if waits else {("moves", owner), ("goes on", owner)}

    owed = {s: set().union(*(kept(s, owner, after) for owner, after in steps[s])) for s in steps}
    starving = set()
    for victim in range(len(narrowed.model.owed)):
        parts = [{s for s in steps if victim in pending[s] and s not in dead}]
        while parts:
            within = parts.pop()
            ends = [(s, after) for s in within for _, after in steps[s] if after in within]
            for component in nx.strongly_connected_components(nx.DiGraph(ends)):
                inner = [(s, o, t) for s in component for o, t in steps[s] if t in component]
                broken = set().union(*(owed[s] for s in component)) - set().union(*(kept(*i) for i in inner))
                if inner and not broken:
                    starving.add(victim)
                elif inner:
                    parts.append({s for s in component if not owed[s] & broken})
    return starving


@pytest.mark.parametrize("scenario", STREAMS, ids=lambda scenario: scenario.slug)
def test_both_definitions_agree_on_the_bundled_streams(scenario: Scenario) -> None:
    step = 3 // some(3)  # a third of the designs, another one each time, or all of them
    for name in list(DESIGNS)[STREAMS.index(scenario) % step :: step]:
        narrowed = narrowed_of(name, scenario)
        assert set(starved(narrowed)) == strongly_starved(narrowed), name


# Disks of up to three clusters, and three requests, most of them streams.
STREAMING = Bounds(
    ("nbd-write", "guest-read", "nbd-write", "guest-read", "guest-write"),
    requests=(3, 3),
    sectors=(2, 6),
    clusters=(2, 3),
    alignments=(1, 2, 4),
    protocol_alignments=(1, 1, 2),
    faults=("cbw-write",),
    copies_on_read=True,
    crowded=9,
    streams=6,
)


@settings(fixed, max_examples=some(60))
@given(scenarios(STREAMING), st.sampled_from(sorted(DESIGNS)))
def test_both_definitions_agree_on_drawn_streams(scenario: Scenario, name: str) -> None:
    assume(DESIGNS[name].unsupported(scenario) is None and any(r.stream for r in scenario.requests))
    result = check(Case(DESIGNS[name], scenario), properties=["progress"], limits=Limits(max_states=6_000))
    if result.stopped is not None:
        event("too large")
        return
    assert result.starvation is not None
    assert set(result.starvation.starved) == strongly_starved(narrowed_of(name, scenario))
    event(f"{result.properties['progress'].verdict.value}, infinite runs: {result.starvation.nodes > 0}")


# -- streams


@pytest.mark.parametrize("name", first(DESIGNS, "rfc-2016", "copy-before-write-9.2"))
def test_a_request_that_is_over_leaves_nothing_behind(name: str) -> None:
    """So the next of its stream, which has its name, begins as the first did."""

    def clean(s: State, r: Expr) -> Expr:
        cursor = (s.at[r] == s.first[r]) & (s.until[r] == s.end[r]) & (s.upto[r] == s.end[r])
        own = lambda x: (s.copied[r, x] == nobody(Request)) & (s.head_tail[r, x] == nobody(Request))  # noqa: E731
        empty = (s.piece[r] == 0) & s.is_at(r, "out", program="below") & forall(Sector, own)
        lists = [name for name in ("cow_request", "rwlock_read", "copying", "allocating", "frozen")
                 if name in s._system.variables]  # fmt: skip
        for name in [*lists, *(n for n in s._system.variables if n.endswith("_tracked"))]:
            empty = empty & ~s[name][r]
        return s.is_at(r, "done", "failed").implies(cursor & empty)

    design = DESIGNS[name]

    def with_claim() -> System:
        system = assemble(design.name, design.parts, design.machine)
        system.always("clean", lambda s: forall(Request, lambda r: clean(s, r)))
        return system

    fresh = replace(design, build=with_claim)
    for scenario in bundled():
        if fresh.unsupported(scenario) is None:
            result = check(Case(fresh, scenario), properties=["clean"])
            assert result.verdict is Verdict.HOLDS, scenario.slug


def test_the_next_of_a_stream_is_judged_though_a_checkpoint_overtook_the_one_before() -> None:
    text = """
name = "again"
unit = "sectors"
sectors = 1
cluster = 1
[options]
quiesced_checkpoint = false
[[request]]
kind = "guest-read"
at = [0, 1]
stream = true
[[request]]
kind = "checkpoint"
"""
    design = DESIGNS["unserialised"]
    system = assemble("again", design.parts, design.machine)
    system.sometimes("overtaken", lambda s: exists(Request, lambda r: s.overtaken[r]))
    system.always("judged", lambda s: forall(Request, lambda r: s.is_at(r, "idle").implies(~s.overtaken[r])))
    fresh = replace(design, name="again", build=lambda: system)
    result = check(Case(fresh, loads(text, "again")), properties=["overtaken", "judged"])
    assert result.verdict is Verdict.HOLDS


def test_a_stream_at_rest_is_finished() -> None:
    text = """
name = "at rest"
unit = "sectors"
sectors = 1
cluster = 1
[[request]]
kind = "guest-read"
at = [0, 1]
stream = true
"""
    result = check(Case(DESIGNS["rfc-2016"], loads(text, "rest")))
    assert result.verdict is Verdict.HOLDS
    assert result.exploration.transitions == result.exploration.states  # a ring
