"""Tiny systems whose numbers are worked out by hand, and how to explore them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cowpath.model.explore.native.engine import NativeEngine
from cowpath.model.explore.numpy_engine import NumpyEngine
from cowpath.model.explore.python_engine import PythonEngine
from cowpath.model.explore.result import DEADLOCK, UNLIMITED, Engine, Exploration, Limits, Report, questions
from cowpath.model.finite.domains import Narrowed, narrow
from cowpath.model.finite.ground import ground
from cowpath.model.finite.instance import Instance, Table
from cowpath.model.language.expression import Expr, exists, forall, nobody
from cowpath.model.language.sorts import Enum, Index, Int, Maybe, Position
from cowpath.model.language.system import State, System

Owner = Index("Owner", ordered=False)
Lock = Index("Lock", ordered=False)
Cell = Index("Cell", ordered=True)

ENGINES: tuple[Engine, ...] = (PythonEngine(), NumpyEngine(), NativeEngine(threads=2))

Step = tuple[str, tuple[int, ...]]


@dataclass(frozen=True)
class Toy:
    """A system with what an exploration must find: `witnesses` has the least depth of each that exists."""

    name: str
    system: System
    instance: Instance
    states: int
    transitions: int
    depth: int
    witnesses: Mapping[str, int]


def instance(sizes: Mapping[str, int], **tables: Table) -> Instance:
    names = {sort: tuple(f"{sort.lower()} {i}" for i in range(size)) for sort, size in sizes.items()}
    return Instance(sizes, tables, names, {})


def column(*values: int) -> Table:
    return {(i,): value for i, value in enumerate(values)}


def explore(
    engine: Engine,
    system: System,
    instance: Instance,
    limits: Limits = UNLIMITED,
    report: Report = lambda progress: None,
    narrowed: Narrowed | None = None,
) -> Exploration:
    narrowed = narrowed or narrow(ground(system, instance))
    everything = [p.name for p in system.properties]
    return engine.explore(narrowed, questions(narrowed.model, everything), limits, report)


def steps(narrowed: Narrowed, exploration: Exploration) -> dict[str, tuple[Step, ...]]:
    """Return each witness as labels and arguments."""
    commands = narrowed.model.commands
    return {
        name: tuple((commands[n].action.label, commands[n].arguments) for n in witness.path)
        for name, witness in exploration.witnesses.items()
    }


def mutex(n: int, *, locked: bool = True) -> Toy:
    """One lock, which each of n owners takes once.

    Locked: nobody is inside (2^n: each idle or done) or one is (n * 2^(n-1)); from a state of the first kind
    each idle owner enters (n * 2^(n-1) in all), from one of the second its owner leaves.
    Unlocked: n independent chains of three states.
    """
    system = System("mutex")
    system.program(Owner, places=("one", "both"), ends=("done",))

    @system.action("enter", r=Owner)
    def enter(s: State, r: Expr) -> None:
        s.require(s.pc[r] == "idle", "at idle", location=True)
        s.wait_while(Owner, lambda q: (q != r) & (s.pc[q] == "one"), on="the lock", held="it")
        s.pc[r] = "one"

    @system.action("leave", r=Owner)
    def leave(s: State, r: Expr) -> None:
        s.require(s.pc[r] == "one", "at one", location=True)
        s.pc[r] = "done"

    def apart(s: State, r: Expr, q: Expr) -> Expr:
        both_inside: Expr = (r != q) & (s.pc[r] == "one") & (s.pc[q] == "one")
        return ~both_inside

    system.terminal(Owner, lambda s, r: s.pc[r] == "done")
    system.always("exclusive", lambda s: forall(Owner, lambda r: forall(Owner, lambda q: apart(s, r, q))))
    system.sometimes("inside", lambda s: exists(Owner, lambda r: s.pc[r] == "one"))
    system.sometimes("finished", lambda s: forall(Owner, lambda r: s.pc[r] == "done"))
    few, many = n * 2 ** (n - 1), n * 3 ** (n - 1)
    depths = {"inside": 1, "finished": 2 * n}
    where = instance({"Owner": n})
    if locked:
        return Toy(f"mutex-{n}", system, where, 2**n + few, 2 * few, 2 * n, depths)
    system = system.without("enter", "wait on the lock")
    return Toy(f"race-{n}", system, where, 3**n, 2 * many, 2 * n, {**depths, "exclusive": 2})


def dining(n: int, *, polite: bool = False, patient: bool = True) -> Toy:
    """N owners round a table of n locks, each taking its left and then its right one; one more owner ticks.

    For n = 2: two locks in opposite order. An owner is idle, holds its left lock, both, or is done; one with
    both is never left of one with a lock. With idle and done counted as one place of weight 2, the states
    are the trace of [[2,1,1],[2,1,1],[2,0,0]]^n: 13 or 45, of which an owner has its left lock in 3 or 11
    and both in 2 or 6. It comes to each of these by one step, and leaves each of the latter by one: 14 or
    69 steps. The tick doubles states and steps, adds a step to each state, and one to the depth. It can
    always happen, so nothing but the wait cycle of all with their left locks is a deadlock: n steps away.
    Polite: the first owner may also put its left lock back, 2 * 3 or 2 * 11 steps more, and there is no
    deadlock, though it waits in the same cycle as before. Not patient: an owner comes when its left lock is
    free, and waits for the right one only.
    """
    system = System("dining")
    system.parameter("left", Owner, sort=Lock)
    system.parameter("right", Owner, sort=Lock)
    system.parameter("ticks", Owner)
    system.parameter("polite", Owner)
    system.program(Owner, places=("one", "both"), ends=("done",))
    system.variable("holder", Lock, sort=Maybe(Owner))
    system.variable("tick")

    @system.action("take left", r=Owner)
    def take_left(s: State, r: Expr) -> None:
        s.require((s.pc[r] == "idle") & ~s.ticks[r], "at idle", location=True)
        if patient:
            s.wait_while(Owner, lambda q: s.holder[s.left[r]] == q, on="its left lock", held="it")
        else:
            s.require(s.holder[s.left[r]] == nobody(Owner), "its left lock is free")
        s.holder[s.left[r]] = r
        s.pc[r] = "one"

    @system.action("take right", r=Owner)
    def take_right(s: State, r: Expr) -> None:
        s.require(s.pc[r] == "one", "at one", location=True)
        s.wait_while(Owner, lambda q: s.holder[s.right[r]] == q, on="its right lock", held="it")
        s.holder[s.right[r]] = r
        s.pc[r] = "both"

    @system.action("release", r=Owner)
    def release(s: State, r: Expr) -> None:
        s.require(s.pc[r] == "both", "at both", location=True)
        s.holder[s.left[r]] = nobody(Owner)
        s.holder[s.right[r]] = nobody(Owner)
        s.pc[r] = "done"

    @system.action("put back", r=Owner)
    def put_back(s: State, r: Expr) -> None:
        s.require(s.polite[r], "polite", location=True)
        s.require(s.pc[r] == "one", "at one", location=True)
        s.holder[s.left[r]] = nobody(Owner)
        s.pc[r] = "idle"

    @system.action("tick", r=Owner)
    def tick(s: State, r: Expr) -> None:
        s.require(s.ticks[r], "ticks", location=True)
        s.tick = ~s.tick

    system.terminal(Owner, lambda s, r: s.ticks[r] | (s.pc[r] == "done"))
    system.sometimes("finished", lambda s: forall(Owner, lambda r: s.ticks[r] | (s.pc[r] == "done")))
    where = instance(
        {"Owner": n + 1, "Lock": n},
        left=column(*range(n), 0),
        right=column(*((i + 1) % n for i in range(n)), 1),
        ticks=column(*[0] * n, 1),
        polite=column(int(polite), *[0] * n),
    )
    states, transitions, put_back_from = {2: (13, 14, 3), 3: (45, 69, 11)}[n]
    depths = {"finished": 3 * n}
    if polite:
        transitions += put_back_from
    else:
        depths[DEADLOCK] = n
    name = f"dining-{n}{'-polite' * polite}"
    return Toy(name, system, where, 2 * states, 2 * transitions + 2 * states, 3 * n + 1, depths)


def relay(n: int) -> Toy:
    """N owners: one starts when nobody has, the others follow when somebody has.

    Any set of them has started: 2^n states. From the empty one n steps, from one of k others n - k: all in
    all as many as if each could start when it likes.
    """
    system = System("relay")
    system.program(Owner, places=("one", "both"), ends=("done",))

    @system.action("start", r=Owner)
    def start(s: State, r: Expr) -> None:
        s.require(forall(Owner, lambda q: s.pc[q] == "idle"), "nobody has started")
        s.pc[r] = "one"

    @system.action("follow", r=Owner)
    def follow(s: State, r: Expr) -> None:
        s.require(exists(Owner, lambda q: s.pc[q] == "one"), "somebody has started")
        s.require(s.pc[r] == "idle", "at idle", location=True)
        s.pc[r] = "one"

    system.terminal(Owner, lambda s, r: s.pc[r] == "one")
    system.sometimes("finished", lambda s: forall(Owner, lambda r: s.pc[r] == "one"))
    where = instance({"Owner": n})
    return Toy(f"relay-{n}", system, where, 2**n, n * 2 ** (n - 1), n, {"finished": n})


def leak(n: int) -> Toy:
    """The first of n owners to take the lock finishes and keeps it: all others are stuck, in no cycle.

    Nobody has it, or one owner has it and is inside or done: 1 + 2n states.
    """
    system = System("leak")
    system.program(Owner, places=("one", "both"), ends=("done",))
    system.variable("holder", sort=Maybe(Owner))

    @system.action("take", r=Owner)
    def take(s: State, r: Expr) -> None:
        s.require(s.pc[r] == "idle", "at idle", location=True)
        s.wait_while(Owner, lambda q: s.holder == q, on="the lock", held="it")
        s.holder = r
        s.pc[r] = "one"

    @system.action("finish", r=Owner)
    def finish(s: State, r: Expr) -> None:
        s.require(s.pc[r] == "one", "at one", location=True)
        s.pc[r] = "done"

    system.terminal(Owner, lambda s, r: s.pc[r] == "done")
    return Toy(f"leak-{n}", system, instance({"Owner": n}), 1 + 2 * n, 2 * n, 2, {DEADLOCK: 2})


def stillborn() -> Toy:
    """Nobody can ever move, and nobody is finished: the initial state is the only one."""
    system = System("stillborn")
    system.parameter("open")
    system.variable("done", Owner)

    @system.action("go", r=Owner)
    def go(s: State, r: Expr) -> None:
        s.require(s.open, "open")
        s.done[r] = True

    system.terminal(Owner, lambda s, r: s.done[r])
    system.always("nothing", lambda s: exists(Owner, lambda r: s.done[r]))
    depths = {DEADLOCK: 0, "nothing": 0}
    return Toy("stillborn", system, instance({"Owner": 2}, open={(): 0}), 1, 0, 0, depths)


def march(m: int) -> Toy:
    """Two owners each fill m cells in order with a value of 8 bits: a grid of (m+1)^2 states.

    Cells take 16m bits, positions twice the bits of m: 70 bits for m = 4, 136 for m = 8.
    """
    system = System("march")
    system.variable("at", Owner, sort=Position(Cell), initial=0)
    system.variable("cell", Owner, Cell, sort=Int(255), initial=0)

    @system.action("fill", r=Owner, k=Cell)
    def fill(s: State, r: Expr, k: Expr) -> None:
        s.require(s.at[r] == k, "at the cell")
        s.cell[r, k] = 255
        s.at[r] = k + 1

    def filled(s: State, r: Expr, k: Expr) -> Expr:
        as_it_should: Expr = (s.cell[r, k] == 255) == (k < s.at[r])
        return as_it_should

    end = nobody(Cell)
    system.terminal(Owner, lambda s, r: s.at[r] == end)
    system.always("in order", lambda s: forall(Owner, lambda r: forall(Cell, lambda k: filled(s, r, k))))
    system.always("one is behind", lambda s: exists(Owner, lambda r: s.at[r] <= m // 4))
    system.sometimes("finished", lambda s: forall(Owner, lambda r: s.at[r] == end))
    depths = {"one is behind": 2 * (m // 4 + 1), "finished": 2 * m}
    where = instance({"Owner": 2, "Cell": m})
    return Toy(f"march-{m}", system, where, (m + 1) ** 2, 2 * m * (m + 1), 2 * m, depths)


def awkward() -> Toy:
    """Two owners swap two values, as often as they like; every word is taken in some language.

    The values are (0, 1) or (1, 0), and each owner has not moved or has: 8 states less (1, 0) with nobody
    having moved, 7, each with two steps.
    """
    system = System("awkward")
    place = Enum("skip", ("if", "done"))
    system.variable("bit", Owner, sort=place, initial="if")
    system.variable("now", sort=Int(1), initial=0)
    system.variable("Next", sort=Int(1), initial=1)

    @system.action("Init", r=Owner)
    def swap(s: State, r: Expr) -> None:
        s.now = s.Next
        s.Next = s.now
        s.bit[r] = "done"

    system.terminal(Owner, lambda s, r: s.bit[r] == "done")
    system.always("VARIABLES", lambda s: (s.now == 0) | (s.Next == 0))
    system.sometimes("active", lambda s: forall(Owner, lambda r: s.bit[r] == "done"))
    return Toy("awkward", system, instance({"Owner": 2}), 7, 14, 3, {"active": 2})


def overflow(initial: int) -> tuple[System, Instance]:
    """A counter 0 .. 2 that somebody adds to without end."""
    system = System("overflow")
    system.variable("total", sort=Int(2), initial=initial)

    @system.action("add", r=Owner)
    def add(s: State, r: Expr) -> None:
        s.total = s.total + 1

    system.terminal(Owner, lambda s, r: s.total == 2)
    return system, instance({"Owner": 1})


def own_way(n: int) -> Toy:
    """Each of n owners takes a lock, and then waits for whoever has it: itself, at the second step.

    Each is idle or has it, so 2^n states and n * 2^(n-1) steps. The first to take it is a deadlock while all
    others can move.
    """
    system = System("own way")
    system.program(Owner, places=("has",), ends=("done",))

    @system.action("take", r=Owner)
    def take(s: State, r: Expr) -> None:
        s.require(s.pc[r] == "idle", "at idle", location=True)
        s.pc[r] = "has"

    @system.action("again", r=Owner)
    def again(s: State, r: Expr) -> None:
        s.require(s.pc[r] == "has", "at has", location=True)
        s.wait_while(Owner, lambda q: (q == r) & (s.pc[q] == "has"), on="the lock", held="it")
        s.pc[r] = "done"

    system.terminal(Owner, lambda s, r: s.pc[r] == "done")
    states = 2**n
    return Toy(f"own-way-{n}", system, instance({"Owner": n}), states, n * states // 2, n, {DEADLOCK: 1})


TOYS = (
    mutex(1),
    mutex(3),
    mutex(6),
    mutex(3, locked=False),
    mutex(5, locked=False),
    dining(2),
    dining(3),
    dining(2, polite=True),
    dining(3, polite=True),
    relay(3),
    leak(2),
    leak(3),
    stillborn(),
    march(4),
    march(8),
    awkward(),
    own_way(1),
    own_way(3),
)
