"""A design of the language alone, whose text the fuzzer changes."""

from cowpath.model.designs import Design
from cowpath.model.language.expression import If, exists
from cowpath.model.language.sorts import Enum, Int, Maybe
from cowpath.model.language.system import System
from cowpath.model.stack.world import Request

Where = Enum("Where", ("out", "in", "gone"))


def build():
    system = System("own")
    system.variable("where", Request, sort=Where, initial="out")
    system.variable("turns", sort=Int(3), initial=2)
    system.variable("holder", sort=Maybe(Request))

    @system.action("take", r=Request)
    def take(s, r):
        """Take the lock. Source: nowhere."""
        s.require(s.where[r] == "out", "outside", location=True)
        s.require(s.turns != 0, "a turn is left")
        s.wait_while(Request, lambda q: s.where[q] == "in", on="the lock", held="the lock")
        s.turns = If(s.turns == 2, 1, s.turns)
        s.holder = r
        s.where[r] = "in"

    @system.action("give", r=Request)
    def give(s, r):
        """Give it back. Source: nowhere."""
        s.require(s.where[r] == "in", "inside", location=True)
        s.where[r] = "gone"

    system.terminal(Request, lambda s, r: s.where[r] == "gone")
    system.always("snapshot", lambda s: ~exists(Request, lambda r: (s.where[r] == "in") & (s.holder != r)))
    system.sometimes("all-over", lambda s: exists(Request, lambda r: s.where[r] == "gone"))
    return system


DESIGN = Design("own", "today", "One of my own.", ("my idea",), build, lacks=("checkpoint", "stop"))
