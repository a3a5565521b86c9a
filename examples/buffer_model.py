"""The buffer of buffer.py with one condition, as a model; and its threads, held against it.

cowpath check buffer_model.py --scenario buffer.toml        the wake-up that gets lost
cowpath conform buffer_model.py                             the threads do what the model says
"""

from pathlib import Path

import buffer

from cowpath import Case, Design, If, Index, Maybe, System, exists, load, nobody
from cowpath.conformance import Call, Watch, schedules

Request = Index("Request", ordered=False)  # a call of the buffer
Item = Index("Item", ordered=False)


def build(name, listens):
    """Return the model; `listens(s, q, r)` says whether q waits where r, who is through, notifies."""
    system = System(name)
    system.parameter("puts", Request, sort=Maybe(Item))  # its item; nobody: it gets
    system.program(Request, start="called", places=("waiting",), ends=("done",))
    system.terminal(Request)
    system.variable("held", sort=Maybe(Item), unset="nothing")
    system.variable("got", Request, sort=Maybe(Item), unset="nothing")

    def notify(s, r, w):
        """Wake w, one of those who wait; where nobody does, w is r."""
        s.require(If(exists(Request, lambda q: listens(s, q, r)), listens(s, w, r), w == r), "one who waits")
        for q in s.each(Request):
            woken = If(q == w, s.place(q, "called"), s.pc[q])
            s.go(q, If(q == r, s.place(q, "done"), woken))

    @system.action("put.wait", r=Request)
    def put_wait(s, r):
        """waits for room"""
        s.require_at(r, "called")
        s.require(s.puts[r] != nobody(Item), "it puts", location=True)
        s.require(s.held != nobody(Item), "it is full")
        s.go(r, "waiting")

    @system.action("put", r=Request, w=Request)
    def put(s, r, w):
        """puts its item"""
        s.require_at(r, "called")
        s.require(s.puts[r] != nobody(Item), "it puts", location=True)
        s.require(s.held == nobody(Item), "there is room")
        s.held = s.puts[r]
        notify(s, r, w)

    @system.action("get.wait", r=Request)
    def get_wait(s, r):
        """waits for an item"""
        s.require_at(r, "called")
        s.require(s.puts[r] == nobody(Item), "it gets", location=True)
        s.require(s.held == nobody(Item), "it is empty")
        s.go(r, "waiting")

    @system.action("get", r=Request, w=Request)
    def get(s, r, w):
        """takes the item"""
        s.require_at(r, "called")
        s.require(s.puts[r] == nobody(Item), "it gets", location=True)
        s.require(s.held != nobody(Item), "there is an item")
        s.got[r] = s.held
        s.held = nobody(Item)
        notify(s, r, w)

    return system


DESIGN = Design("buffer", build=lambda: build("buffer", lambda s, q, r: s.is_at(q, "waiting")))


def watch(design, make, room, item):
    """Say which calls and statements of the class are which steps; who puts waits at `room`."""
    name = make.__name__
    return Watch(
        Case(design, load(Path(__file__).with_name("buffer.toml"))),
        calls=[make.put, Call(make.get, says=lambda item: {"got": item})],
        steps={
            f"{name}.put: self.items.append(item)": "put",
            f"{name}.get: item = self.items.pop()": "get",
        },
        waits={
            f"{name}.put: self.{room}.wait()": "put.wait",
            f"{name}.get: self.{item}.wait()": "get.wait",
        },
    )


@schedules(1000, modules=[buffer], model=watch(DESIGN, buffer.OneCondition, "changed", "changed"))
def test_threads():
    buffer.use(buffer.OneCondition)
