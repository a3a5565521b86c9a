"""The buffers of buffer.py as models, and threads held against them: `cowpath conform buffer_model.py`."""

import buffer

from cowpath.conformance import Call, Watch, instance, schedules
from cowpath.model.language.expression import If, exists, nobody
from cowpath.model.language.sorts import Enum, Index, Maybe
from cowpath.model.language.system import System

Request = Index("Request", ordered=False)  # a call of the buffer
Item = Index("Item", ordered=False)
Place = Enum("Place", ("called", "waiting", "done"))


def build(conditions):
    """Return the model of a buffer with so many conditions."""
    system = System(f"buffer with {conditions} condition{'s' * (conditions > 1)}")
    system.parameter("puts", Request, sort=Maybe(Item))  # its item; nobody: it gets
    system.variable("pc", Request, sort=Place, initial="called")
    system.variable("held", sort=Maybe(Item), unset="nothing")
    system.variable("got", Request, sort=Maybe(Item), unset="nothing")
    system.terminal(Request, lambda s, r: s.pc[r] == "done")

    def to_put(s, r):
        s.require((s.pc[r] == "called") & (s.puts[r] != nobody(Item)), "it is to put", location=True)

    def to_get(s, r):
        s.require((s.pc[r] == "called") & (s.puts[r] == nobody(Item)), "it is to get", location=True)

    def notify(s, r, w):
        """Wake w: one who waits, of those at the condition; where nobody does, w is r, and is not woken."""

        def listens(q):
            gets, puts = s.puts[q] == nobody(Item), s.puts[r] == nobody(Item)
            return s.pc[q] == "waiting" if conditions == 1 else (s.pc[q] == "waiting") & ~(gets == puts)

        s.require(If(exists(Request, lambda q: listens(q)), listens(w), w == r), "one who waits")
        for q in s.each(Request):
            s.pc[q] = If(q == r, "done", If(q == w, "called", s.pc[q]))

    @system.action("put.wait", r=Request)
    def put_wait(s, r):
        """waits for room"""
        to_put(s, r)
        s.require(s.held != nobody(Item), "it is full")
        s.pc[r] = "waiting"

    @system.action("put", r=Request, w=Request)
    def put(s, r, w):
        """puts its item"""
        to_put(s, r)
        s.require(s.held == nobody(Item), "there is room")
        s.held = s.puts[r]
        notify(s, r, w)

    @system.action("get.wait", r=Request)
    def get_wait(s, r):
        """waits for an item"""
        to_get(s, r)
        s.require(s.held == nobody(Item), "it is empty")
        s.pc[r] = "waiting"

    @system.action("get", r=Request, w=Request)
    def get(s, r, w):
        """takes the item"""
        to_get(s, r)
        s.require(s.held != nobody(Item), "there is an item")
        s.got[r] = s.held
        s.held = nobody(Item)
        notify(s, r, w)

    return system


def requests(system, puts=2, gets=2):
    """Return so many calls."""
    items = {f"put {i}": f"item {i}" for i in range(puts)}
    calls = [*items, *(f"get {i}" for i in range(gets))]
    return instance(system, Request=calls, Item=list(items.values()), puts=items)


def watch(make, conditions):
    """Say which calls and statements of the class are which steps of the model."""
    system = build(conditions)
    room, item = ("changed", "changed") if make is buffer.OneCondition else ("room", "item")
    return Watch(
        system,
        requests(system),
        calls=[make.put, Call(make.get, says=lambda item: {"got": item})],
        steps={
            f"{make.__name__}.put: self.items.append(item)": "put",
            f"{make.__name__}.get: item = self.items.pop()": "get",
        },
        waits={
            f"{make.__name__}.put: self.{room}.wait()": "put.wait",
            f"{make.__name__}.get: self.{item}.wait()": "get.wait",
        },
    )


@schedules(1000, modules=[buffer], model=watch(buffer.OneCondition, 1))
def one_condition():
    buffer.use(buffer.OneCondition)


@schedules(1000, modules=[buffer], model=watch(buffer.TwoConditions, 2))
def two_conditions():
    buffer.use(buffer.TwoConditions)
