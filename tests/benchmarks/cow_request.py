"""The CowRequest model: writers that copy before they write, readers that look first; a common measure.

Small, and with exact counts that SPIN, TLC and every engine here agree on: a benchmark, and a test of the
language, of every engine and of the exports. C clusters; a request covers the clusters [first, end).

A writer takes a CowRequest, copies each cluster that is not done from the secondary disk to the hidden
disk, drops the CowRequest and writes. A reader looks at each cluster, hidden disk first, and reads it one
step later; it takes a CowRequest for all of this if `readers_list`. Whoever meets an overlapping CowRequest
waits for one of those that hold one, until it is dropped. A read of the secondary disk waits for the
serialising writes over the cluster. Data are named by who wrote them; a read of anybody's is bad.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cowpath.model.finite.instance import Instance, Table
from cowpath.model.language.expression import Expr, If, exists, nobody
from cowpath.model.language.sorts import Enum, Index, Maybe, Position
from cowpath.model.language.system import State, System

Request = Index("Request", ordered=False)
Cluster = Index("Cluster", ordered=True)
PLACES = ("scan", "loop", "copy", "set-done", "write", "look", "hidden", "secondary")
Serialises = Enum("Serialises", ("no", "yes", "either"))


@dataclass(frozen=True)
class Row:
    """A row of the table: an instance with what must come out. A writer: first, end, 0, 1 or 2 for either."""

    clusters: int
    writers: tuple[tuple[int, int, int], ...]
    readers: tuple[tuple[int, int], ...]
    readers_list: bool
    states: int
    transitions: int
    depth: int
    deadlocks: int
    bad: int

    @property
    def name(self) -> str:
        """The number of its states, as one says it."""
        return f"{self.states:,}"


TABLE = (
    Row(3, (), ((0, 2), (1, 3)), True, 34, 44, 12, 0, 0),
    Row(1, ((0, 1, 1),), ((0, 1),), True, 40, 57, 12, 1, 0),
    Row(1, ((0, 1, 0),), ((0, 1),), True, 40, 59, 12, 0, 0),
    Row(2, ((0, 2, 1),), ((0, 2),), True, 68, 100, 18, 2, 0),
    Row(2, ((0, 2, 1), (1, 2, 2)), ((0, 2),), True, 788, 1_785, 24, 5, 0),
    Row(2, ((0, 2, 0), (0, 2, 1)), ((0, 2),), False, 1_070, 2_399, 25, 0, 168),
    Row(3, ((0, 2, 0), (1, 3, 0), (0, 3, 0)), ((0, 2),), True, 7_803, 22_570, 38, 0, 0),
    Row(4, ((0, 2, 2), (1, 3, 2), (2, 4, 2)), ((0, 2), (2, 4)), True, 216_529, 862_644, 44, 41, 0),
    Row(
        4, ((0, 2, 0), (1, 3, 0), (2, 4, 0), (0, 1, 0)), ((0, 2), (2, 4), (1, 3)), True,
        1_238_052, 6_002_768, 56, 0, 0,
    ),
    Row(
        4, ((0, 2, 2), (1, 3, 2), (2, 4, 2), (0, 1, 2)), ((0, 2), (2, 4), (1, 3)), True,
        11_066_980, 57_915_694, 56, 397, 0,
    ),
    Row(
        4, ((0, 2, 0), (1, 3, 0), (2, 4, 0), (0, 1, 0), (3, 4, 0), (1, 2, 0)), ((0, 2), (2, 4), (1, 3)), True,
        70_424_216, 438_827_115, 68, 0, 0,
    ),
)  # fmt: skip


def instance(row: Row) -> Instance:
    """Return the instance of a row: its writers first."""
    spans = [(first, end) for first, end, _ in row.writers] + list(row.readers)
    writers = len(row.writers)
    return Instance(
        {"Request": len(spans), "Cluster": row.clusters},
        {
            "first": _column([first for first, _ in spans]),
            "end": _column([end for _, end in spans]),
            "writes": _column([1] * writers + [0] * len(row.readers)),
            "serialises": _column([how for *_, how in row.writers] + [0] * len(row.readers)),
            "readers_list": {(): int(row.readers_list)},
        },
        {
            "Request": tuple(f"{'writer' if r < writers else 'reader'} {r}" for r in range(len(spans))),
            "Cluster": tuple(f"cluster {k}" for k in range(row.clusters)),
        },
        {},
    )


def _column(values: Sequence[int]) -> Table:
    return {(i,): value for i, value in enumerate(values)}


def build() -> System:
    """Return the model."""
    system = System("cow-request")
    system.parameter("first", Request, sort=Position(Cluster))
    system.parameter("end", Request, sort=Position(Cluster))
    system.parameter("writes", Request)
    system.parameter("serialises", Request, sort=Serialises)
    system.parameter("readers_list")  # readers take a CowRequest, too
    pc = system.program(Request, places=PLACES, ends=("done",))
    system.begins(pc, _start)
    system.variable("at", Request, sort=Position(Cluster), initial=lambda s, r: s.first[r])
    system.variable("waiting_for", Request, sort=Maybe(Request))
    system.variable("listed", Request)  # its CowRequest is in the list
    system.variable("serialising", Request)
    system.variable("buffer", Request, sort=Maybe(Request))
    system.variable("secondary", Cluster, sort=Maybe(Request))
    system.variable("in_hidden", Cluster)
    system.variable("hidden", Cluster, sort=Maybe(Request))
    system.variable("done", Cluster)
    system.variable("bad")  # somebody has read what a writer wrote
    _lists(system)
    _writers(system)
    _readers(system)
    system.terminal(Request, lambda s, r: s.pc[r] == "done")
    system.always("snapshot", lambda s: ~s.bad)
    return system


def _start(s: State, r: Expr) -> Expr:
    idle, scan, look = (s.place(r, name) for name in ("idle", "scan", "look"))
    return If(s.writes[r], idle, If(s.readers_list, scan, look))


def _lists(system: System) -> None:
    """Add the CowRequest list, for writers and readers alike."""

    @system.action("wait", r=Request, q=Request)
    def wait(s: State, r: Expr, q: Expr) -> None:
        """Meets {q}'s CowRequest and waits for it to be dropped."""
        s.require(s.pc[r] == "scan", "scanning", location=True)
        s.require(s.waiting_for[r] == nobody(Request), "awake")
        s.require(_overlapping(s, r, q), "in the way")
        s.waiting_for[r] = q

    @system.action("take", r=Request)
    def take(s: State, r: Expr) -> None:
        """Takes a CowRequest."""
        s.require(s.pc[r] == "scan", "scanning", location=True)
        s.wait_while(Request, lambda q: s.waiting_for[r] == q, on="the list", held="a CowRequest")
        s.require(~exists(Request, lambda q: _overlapping(s, r, q)), "none is in the way")
        s.listed[r] = True
        s.pc[r] = If(s.writes[r], s.place(r, "loop"), "look")


def _overlapping(s: State, r: Expr, q: Expr) -> Expr:
    return (q != r) & s.listed[q] & (s.first[r] < s.end[q]) & (s.first[q] < s.end[r])


def _drop(s: State, r: Expr) -> None:
    """Take r's CowRequest off the list and wake who waits for it."""
    s.listed[r] = False
    for q in s.each(Request):
        s.waiting_for[q] = If(s.waiting_for[q] == r, nobody(Request), s.waiting_for[q])


def _writers(system: System) -> None:
    """Add what a writer does: copy, then write."""

    def submit(label: str, how: str, serialising: bool) -> None:
        @system.action(label, r=Request, says="Is submitted.")
        def submitted(s: State, r: Expr) -> None:
            s.require(s.pc[r] == "idle", "idle", location=True)
            s.require((s.serialises[r] == how) | (s.serialises[r] == "either"), "of this kind")
            s.serialising[r] = serialising
            s.pc[r] = "scan"

    submit("submit", "no", False)
    submit("submit-serialising", "yes", True)

    @system.action("skip", r=Request, k=Cluster)
    def skip(s: State, r: Expr, k: Expr) -> None:
        """Finds the cluster done."""
        _come_to(s, r, "loop", k)
        s.require(s.done[k], "done")
        s.at[r] = k + 1

    @system.action("read", r=Request, k=Cluster)
    def read(s: State, r: Expr, k: Expr) -> None:
        """Reads a cluster that is not done from the secondary disk."""
        _come_to(s, r, "loop", k)
        s.require(~s.done[k], "not done")
        s.buffer[r] = s.secondary[k]
        s.pc[r] = "copy"

    @system.action("copy", r=Request, k=Cluster)
    def copy(s: State, r: Expr, k: Expr) -> None:
        """Writes what it has read to the hidden disk."""
        _come_to(s, r, "copy", k)
        s.hidden[k] = s.buffer[r]
        s.in_hidden[k] = True
        s.buffer[r] = nobody(Request)
        s.pc[r] = "set-done"

    @system.action("set-done", r=Request, k=Cluster)
    def set_done(s: State, r: Expr, k: Expr) -> None:
        """Marks the cluster done."""
        _come_to(s, r, "set-done", k)
        s.done[k] = True
        s.at[r] = k + 1
        s.pc[r] = "loop"

    @system.action("drop", r=Request)
    def drop(s: State, r: Expr) -> None:
        """Drops its CowRequest, all done."""
        _come_to_the_end(s, r, "loop")
        _drop(s, r)
        s.at[r] = s.first[r]
        s.pc[r] = "write"

    @system.action("write", r=Request, k=Cluster)
    def write(s: State, r: Expr, k: Expr) -> None:
        """Writes a cluster of the secondary disk."""
        _come_to(s, r, "write", k)
        s.secondary[k] = r
        s.at[r] = k + 1

    @system.action("end", r=Request)
    def end(s: State, r: Expr) -> None:
        """Has written all."""
        _come_to_the_end(s, r, "write")
        s.serialising[r] = False
        s.at[r] = s.first[r]
        s.pc[r] = "done"


def _readers(system: System) -> None:
    """Add what a reader does: look, and in a later step read."""

    def look(label: str, where: str, says: str) -> None:
        @system.action(label, r=Request, k=Cluster, says=says)
        def looks(s: State, r: Expr, k: Expr) -> None:
            _come_to(s, r, "look", k)
            s.require(s.in_hidden[k] if where == "hidden" else ~s.in_hidden[k], "there")
            s.pc[r] = where

    look("look-hidden", "hidden", "Finds the cluster in the hidden disk.")
    look("look-secondary", "secondary", "Finds the cluster not in the hidden disk.")

    @system.action("read-hidden", r=Request, k=Cluster)
    def read_hidden(s: State, r: Expr, k: Expr) -> None:
        """Reads a cluster of the hidden disk."""
        _come_to(s, r, "hidden", k)
        _finish_read(s, r, k, s.hidden[k])

    @system.action("read-secondary", r=Request, k=Cluster)
    def read_secondary(s: State, r: Expr, k: Expr) -> None:
        """Reads a cluster of the secondary disk."""
        _come_to(s, r, "secondary", k)
        s.wait_while(
            Request,
            lambda q: s.serialising[q] & (s.first[q] <= k) & (k < s.end[q]),
            on="the tracked list",
            held="a serialising write",
        )
        _finish_read(s, r, k, s.secondary[k])

    @system.action("leave", r=Request)
    def leave(s: State, r: Expr) -> None:
        """Has read all."""
        _come_to_the_end(s, r, "look")
        _drop(s, r)
        s.pc[r] = "done"


def _finish_read(s: State, r: Expr, k: Expr, value: Expr) -> None:
    s.bad = s.bad | (value != nobody(Request))
    s.at[r] = k + 1
    s.pc[r] = "look"


def _come_to(s: State, r: Expr, place: str, k: Expr) -> None:
    """Require that r is at the place, its cluster k next."""
    s.require(s.pc[r] == place, f"at {place}", location=True)
    s.require((s.at[r] == k) & (k < s.end[r]), "at the cluster", location=True)


def _come_to_the_end(s: State, r: Expr, place: str) -> None:
    s.require((s.pc[r] == place) & (s.at[r] == s.end[r]), f"at the end of {place}", location=True)
