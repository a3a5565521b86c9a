"""The model as an oracle: which of its states explain what was seen, worked out once and kept.

The sets of states that runs pass through form a graph, made as it is walked: one node for each set, one edge
for each event that was seen there. All runs of a campaign share it: a run costs little but its look-ups.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import networkx as nx

from cowpath.conformance.monitor.cells import Cells, Pieces
from cowpath.conformance.monitor.view import Move, View
from cowpath.conformance.runs.log import Event, Sight
from cowpath.model.designs import Case, Design
from cowpath.model.scenarios import Scenario

MOST_KEPT = 1 << 18
"""States, of all nodes: what an oracle keeps at most, some hundred megabytes, before it begins anew."""
Transfer = tuple[str, bool, Pieces]
"""A disk, whether it is written, and what data where."""


class Explaining(NamedTuple):
    """A state of the model that explains what was seen, and what its past has to answer for.

    `read` has (request, cell, value) for all that guest reads under way have read. `fallen`: assertions that
    were violated on the way. `early`: transfers that took effect before their steps were told, and where.
    `failed`: requests under way that have made a step which they must come back from with an error.
    """

    state: bytes
    read: frozenset[tuple[int, int, int]] = frozenset()
    fallen: frozenset[str] = frozenset()
    early: frozenset[tuple[bytes, Move]] = frozenset()
    failed: frozenset[int] = frozenset()


@dataclass(eq=False)
class Node:
    """What may be after some events: explaining states; which requests, whose transfers, are under way."""

    explaining: frozenset[Explaining]
    open: frozenset[int]
    begun: frozenset[int]
    following: dict[Event, Node | None] = field(default_factory=dict)


class Oracle(View):
    """A design's model on a scenario, seen with some sight. Raises ScenarioError if the two do not fit.

    `edges` and `kept_waiting` collect what the runs have covered, with white sight: (state, command) of every
    step made, (state, owner) of everyone found waiting where the model makes it wait.
    """

    def __init__(self, design: Design, scenario: Scenario, sight: Sight = Sight.WHITE) -> None:
        super().__init__(Case(design, scenario))
        self.sight = sight
        self.sees_all = sight is Sight.WHITE
        names = self.model.instance.names[self.model.system.owners.name]
        self.number = {name: i for i, name in enumerate(names)}
        self.roots = self._roots()
        asked = range(len(scenario.requests))
        self.cells = Cells(scenario, self.case.geometry, len(self.roots))
        self.kinds = [scenario.requests[root].kind if root in asked else "" for root in self.roots]
        self.own = frozenset(self.roots) - frozenset(asked)
        """Who is in the system without having been asked for: a job, and what it does its work with."""
        self.edges: set[tuple[bytes, int]] = set()
        self.kept_waiting: set[tuple[bytes, int]] = set()
        self._nodes: dict[tuple[frozenset[object], ...], Node] = {}
        self.kept = 0
        """How many states the nodes have that are kept."""
        self.first = self._begin()

    def follow(self, node: Node, event: Event) -> Node | None:
        """Return what may be after the event, None if nothing explains it."""
        try:
            return node.following[event]
        except KeyError:
            explaining = {after for each in node.explaining for _, after in self.after(each, node, event)}
        if self.kept > MOST_KEPT:
            self.forget()
        known = event.request in self.number  # of a piece it may be unknown: then nothing explains it
        owner = frozenset({self.number[event.request]} if known else ())
        after = node.following[event] = self._node(explaining, *_under_way(node, event, owner))
        return after

    def forget(self) -> None:
        """Give back the memory of what was worked out; runs under way are not disturbed."""
        self.first = self._begin()

    # -- what explains an event

    def after(self, each: Explaining, node: Node, event: Event) -> Iterator[tuple[Move | None, Explaining]]:
        """Yield what explains the event too, if the model was there before, and the step that it tells of."""
        owner = self.number.get(event.request, -1)
        explained = True
        match event.kind:
            case "invoke" | "begin":
                explained = owner >= 0
            case "return":
                explained = owner in node.open and self.returns(each, event)
                each = self._forget(each, owner)
            case "step":
                yield from self._stepped(each, node, event)
                return
            case "parked":
                owners = [self.number.get(name, -1) for name in event.fact("who")]
                explained = all(r >= 0 and self.blocked(each.state, r) for r in owners)
                if explained and self.sees_all:
                    self.kept_waiting.update((each.state, r) for r in owners)
            case "rest":
                explained = self.stands(each, node.open, event.fact("held"), event.fact("out"))
            case "quiescent":
                explained = self.rests(each, node.open)
            case "deadlock":
                number = self.number
                cycle = {(number.get(r, -1), number.get(q, -1)) for r, q in event.fact("cycle")}
                explained = cycle <= self.waits(each.state)
            case "shows":
                explained = all(self.value(each.state, name) == value for name, value in event.facts)
            case "map":
                explained = self.mapped(each.state, event.fact("disk")) == event.fact("clusters")
            case "content":
                explained = not any(True for _ in self.unlike(each.state, event))
            case "crash":
                owners = [owner] if event.request else sorted(node.open)
                explained = self.falls(each, owners, event.fact("property"))
            case _:
                raise ValueError(f"no event: {event.kind}")
        if explained:
            yield None, each

    def _stepped(
        self, each: Explaining, node: Node, event: Event
    ) -> Iterator[tuple[Move | None, Explaining]]:
        owner = self.number.get(event.request, -1)
        early = [made for made in each.early if made[1].owner == owner]
        for made in early:
            if self.told(made[1], event) and self.fits(*made, event):
                yield None, each._replace(early=each.early - {made})
        for move in () if early else self.moves(each.state):
            if (
                self.may_move(move.owner, node.open)
                and self.told(move, event)
                and self.fits(each.state, move, event)
            ):
                if self.sees_all:
                    self.edges.add((each.state, move.command))
                yield move, self._moved(each, move)

    def unseen(
        self, each: Explaining, open_: frozenset[int], begun: frozenset[int]
    ) -> Iterator[tuple[Move, Explaining]]:
        """Yield the steps that may have been made there and were not told of, and what explains them."""
        if self.sees_all and not begun:
            return
        for move in self.moves(each.state):
            if self.may_move(move.owner, open_) and not self._seen(each.state, move):
                yield move, self._moved(each, move)
            elif move.owner in begun and self.transfer(each.state, move):
                if any(made.owner == move.owner for _, made in each.early):
                    continue  # that one is told of before the next is made
                after = self._moved(each, move)
                yield move, after._replace(early=each.early | {(each.state, move)})

    def sees(self, event: Event) -> Event | None:
        """Return what the oracle's sight lets through of an event.

        Of a disk's content that is who may have written each cell: an event is kept, and whole disks of
        their bytes, a pair with every run, would fill the memory.
        """
        seen = event if self.sees_all else self.sight.of(event)
        if seen is None or seen.kind != "content":
            return seen
        writers = self.cells.values(seen.fact("data"))
        found = tuple((cell, frozenset(writers[cell])) for cell in sorted(writers))
        return Event("content", facts=(("disk", seen.fact("disk")), ("writers", found)))

    def told(self, move: Move, event: Event) -> bool:
        """Tell whether the step may be the event's, by its label and whose it is."""
        if event.label:
            return (event.label, self.number.get(event.request)) == (move.action.label, move.owner)
        disk, wrote, _ = event.fact("transfer")
        made = move.action.transfer
        return made is not None and (made.disk, made.writes) == (disk, wrote)

    def fits(self, state: bytes, move: Move, event: Event) -> bool:
        """Tell whether the step is as the event's facts say."""
        return not any(True for _ in self.differences(state, move, event))

    def differences(self, state: bytes, move: Move, event: Event) -> Iterator[str]:
        """Yield how the step differs from what the event's facts say, in words."""
        names = self.model.instance.names
        for fact, told in event.facts:
            if fact == "waits_for":
                expected = self.waited_for(move)
                if told != expected:
                    yield f"the model waits for {expected}, the run for {told}"
            elif fact == "mapped":
                if {*self.observed(state, move, "mapped", "copied").values()} != {int(told)}:
                    yield f"the model finds the clusters {'not ' * told}mapped"
            elif fact == "extent" and (
                (span := self.span(state, move)) is None or self.cells.span(told) != span
            ):
                clusters = (
                    " to ".join(dict.fromkeys(names[self.clusters][k] for k in span or ())) or "nothing"
                )
                yield f"the model's step is on {clusters}, the run's on {told}"
        transfer = event.fact("transfer")
        expected_transfer = self.transfer(state, move)
        if (None if transfer is None else transfer[:2]) != expected_transfer:
            yield f"the model {_says(expected_transfer)}, the run {_says(transfer)}"
        elif transfer is not None:
            yield from self._data(state, move, transfer)

    def _data(self, state: bytes, move: Move, transfer: Transfer) -> Iterator[str]:
        disk, wrote, pieces = transfer
        values = self.cells.values(pieces)
        verb, expected = "reads", self.reads(state, move)
        if wrote:
            verb = "writes"
            content = {x: self.value(move.after, disk, x) for x in range(len(self.cells.ranges))}
            expected = {x: v for x, v in content.items() if x in values or v != self.value(state, disk, x)}
        for cell, value in expected.items():
            if value not in values.get(cell, ()):
                where, seen = self.model.instance.names["Sector"][cell], self.who(values.get(cell))
                yield f"the model {verb} {self.writer(value)} at {where}, the run {seen}"

    def returns(self, each: Explaining, event: Event) -> bool:
        """Tell whether the request may come back there with what it came back with."""
        owner, fails = self.number[event.request], event.fact("error") is not None
        if self.place(each.state, owner) != self.end(owner, fails=fails):
            return False
        if not self.tells(each, owner, fails=fails):
            return False
        data = event.fact("data")
        if data is None or self.kinds[owner] != "guest-read":
            return True
        values = self.cells.values(data)
        read = {cell: value for r, cell, value in each.read if r == owner}
        return read.keys() == values.keys() and all(value in values[cell] for cell, value in read.items())

    def end(self, owner: int, *, fails: bool) -> str:
        """Return the place of a request that has come back. Some systems have none for those that failed.

        There only one that is to fail may do so.
        """
        if not fails:
            return "done"
        program = self.model.system.program_of(self.model.system.owners)
        apart = program is None or "failed" in program.places
        return "failed" if apart or self.scenario.requests[owner].fault == "none" else "done"

    def tells(self, each: Explaining, owner: int, *, fails: bool) -> bool:
        """Tell whether who asked is told of an error if there was one, as far as a place does not say so."""
        return not self.design.machine.errors or fails == (owner in each.failed)

    def unlike(self, state: bytes, event: Event) -> Iterator[tuple[int, int]]:
        """Yield each cell in which a disk's content, as it is seen, is not the model's, with what that has.

        What the model says to be spoilt may be anything but what it would else be.
        """
        disk = event.fact("disk")
        spoilt = self.design.machine.spoilt.get(disk)
        for cell, seen in event.fact("writers"):
            value = self.value(state, disk, cell)
            other = spoilt is not None and bool(self.value(state, spoilt, cell))
            if (value in seen) == other:
                yield cell, value

    def mapped(self, state: bytes, disk: str) -> tuple[int, ...]:
        """Return of each cluster whether the disk has it, 1 or 0."""
        variable = self.design.machine.maps[disk]
        return tuple(self.value(state, variable, k) for k in range(len(self.cells.clusters)))

    def rests(self, each: Explaining, open_: Iterable[int]) -> bool:
        """Tell whether all who are under way wait there, and nothing fell that runs crash of."""
        under_way = self.under_way(each.state, open_)
        waits = (self.blocked(each.state, r) and not self.is_over(each.state, r) for r in under_way)
        return not self.fallen(each) and all(waits)

    def stands(self, each: Explaining, open_: Iterable[int], held: Sequence[Transfer], out: int) -> bool:
        """Tell whether who is under way can be as a rest tells: none moves but by a transfer that is held.

        Each held transfer is the next step of someone, each time of someone else. While some are out nothing
        is said of the others: in the model a transfer lets go of what its owner held, and others may wait for
        that.
        """
        movers = [move for move in self.moves(each.state) if self.may_move(move.owner, open_)]
        free = {move.owner for move in movers} | {r for r in open_ if self.is_over(each.state, r)}
        if len(held) > len(free) or (len(held) < len(free) and not out):
            return False
        graph: nx.Graph[tuple[str, int]] = nx.Graph()
        wanted = [("held", number) for number in range(len(held))]
        graph.add_nodes_from(wanted)
        for node, transfer in zip(wanted, held, strict=True):
            event = Event("step", facts=(("transfer", transfer),))
            fitting = [m for m in movers if self.told(m, event) and self.fits(each.state, m, event)]
            graph.add_edges_from((node, ("owner", move.owner)) for move in fitting)
        return len(nx.bipartite.maximum_matching(graph, wanted)) == 2 * len(held)

    def under_way(self, state: bytes, open_: Iterable[int]) -> Iterator[int]:
        """Yield the requests under way, and the pieces that are."""
        for owner, root in enumerate(self.roots):
            if owner in open_ or (owner != root and not self.is_finished(state, owner)):
                yield owner

    def may_move(self, owner: int, open_: Iterable[int]) -> bool:
        """Tell whether the owner is under way, if it can move: a piece may outlive its request."""
        return owner in open_ or owner != self.roots[owner]

    def fallen(self, each: Explaining) -> set[str]:
        """Return the properties that a run would have crashed of on the way there."""
        return {*each.fallen, *self.program.answers(each.state)}

    def falls(self, each: Explaining, owners: Sequence[int], what: str) -> bool:
        """Tell whether the property has fallen there, or does by a next step of one of the owners."""
        after = (
            m.after for m in self.moves(each.state) if m.owner in owners or self.roots[m.owner] in owners
        )
        return what in each.fallen or any(what in self.program.answers(s) for s in (each.state, *after))

    # -- details

    def _roots(self) -> list[int]:
        """Return for each request, and each piece of one, which request it belongs to."""
        owners = range(len(self.model.finished))
        roots = [*owners]
        for owner in owners if "parent" in self.model.system.parameters else ():
            parent = self.model.instance.tables["parent"][owner,]
            if parent in owners:
                roots[owner] = roots[parent]  # a piece comes after its request
        return roots

    def _begin(self) -> Node:
        """Forget all that was worked out, but not who is on the way in it, and return where runs begin."""
        self._nodes.clear()
        self._moves.clear()
        self._reads.clear()
        self.kept = 0
        first = self._node({Explaining(self.program.initial)}, self.own, frozenset())
        assert first is not None
        return first

    def _node(
        self, explaining: Iterable[Explaining], open_: frozenset[int], begun: frozenset[int]
    ) -> Node | None:
        if not explaining:
            return None
        closed = self._closed(explaining, open_, begun)
        if (closed, open_, begun) not in self._nodes:
            self._nodes[closed, open_, begun] = Node(closed, open_, begun)
            self.kept += len(closed)
        return self._nodes[closed, open_, begun]

    def _closed(
        self, explaining: Iterable[Explaining], open_: frozenset[int], begun: frozenset[int]
    ) -> frozenset[Explaining]:
        """Return the states with all that unseen steps, and transfers that have begun, lead to."""
        found = set(explaining)
        rest = list(found)
        while rest:
            for _, after in self.unseen(rest.pop(), open_, begun):
                if after not in found:
                    found.add(after)
                    rest.append(after)
        return frozenset(found)

    def _seen(self, state: bytes, move: Move) -> bool:
        if self.sight is Sight.GREY:
            return self.transfer(state, move) is not None
        return self.sees_all

    def _moved(self, each: Explaining, move: Move) -> Explaining:
        read, fallen = each.read, each.fallen
        if self.kinds[move.owner] == "guest-read":
            read |= {
                (self.roots[move.owner], cell, value) for cell, value in self.reads(each.state, move).items()
            }
        if "assertion" in self.program.answers(move.after):
            fallen |= {"assertion"}
        failed = each.failed
        if move.action.label in self.design.machine.errors:
            failed |= {self.roots[move.owner]}
        return Explaining(move.after, read, fallen, each.early, failed)

    def _forget(self, each: Explaining, owner: int) -> Explaining:
        read = frozenset(known for known in each.read if known[0] != owner)
        return each._replace(read=read, failed=each.failed - {owner})


def _says(transfer: tuple[object, ...] | None) -> str:
    if transfer is None:
        return "transfers nothing"
    return f"{'writes to' if transfer[1] else 'reads from'} the {transfer[0]} disk"


def _under_way(node: Node, event: Event, owner: frozenset[int]) -> tuple[frozenset[int], frozenset[int]]:
    """Return whose requests, and whose transfers, are under way after the event."""
    match event.kind:
        case "invoke":
            return node.open | owner, node.begun
        case "return":
            return node.open - owner, node.begun - owner
        case "begin":
            return node.open, node.begun | owner
        case "step":
            return node.open, node.begun - owner
    return node.open, node.begun
