"""The map of cowmap.py as a model, and its threads held against it: `cowpath conform cowmap_model.py`."""

import cowmap
from test_cowmap import race

from cowpath.conformance import Call, Watch, instance, schedules
from cowpath.model.language.expression import If, forall, nobody
from cowpath.model.language.sorts import Enum, Index, Maybe
from cowpath.model.language.system import System

Request = Index("Request", ordered=False)  # a call of the map: it is who moves
Value = Index("Value", ordered=False)
Place = Enum("Place", ("called", "copying", "writing", "done"))

system = System("map with a snapshot")
system.parameter("writes", Request, sort=Maybe(Value))  # what the call writes; nobody: it reads the snapshot
system.parameter("original", sort=Maybe(Value))
system.variable("pc", Request, sort=Place, initial="called")
system.variable("data", sort=Maybe(Value), initial=lambda s: s.original)
system.variable("saved", sort=Maybe(Value))
system.variable("got", Request, sort=Maybe(Value))
system.terminal(Request, lambda s, r: s.pc[r] == "done")
system.always(
    "snapshot",
    lambda s: forall(Request, lambda r: (s.got[r] == nobody(Value)) | (s.got[r] == s.original)),
)


@system.action("copy", r=Request)
def copy(s, r):
    """begins to copy the old value"""
    s.require((s.pc[r] == "called") & (s.writes[r] != nobody(Value)), "it is to write", location=True)
    s.require(s.saved == nobody(Value), "nothing is saved")
    s.wait_while(Request, lambda q: s.pc[q] == "copying", on="the copy", held="it")
    s.pc[r] = "copying"


@system.action("copied", r=Request)
def copied(s, r):
    """has saved the old value"""
    s.require(s.pc[r] == "copying", "it copies", location=True)
    s.saved = s.data
    s.pc[r] = "writing"


@system.action("no copy", r=Request)
def no_copy(s, r):
    """finds the old value saved"""
    s.require((s.pc[r] == "called") & (s.writes[r] != nobody(Value)), "it is to write", location=True)
    s.require(s.saved != nobody(Value), "something is saved")
    s.wait_while(Request, lambda q: s.pc[q] == "copying", on="the copy", held="it")
    s.pc[r] = "writing"


@system.action("write", r=Request)
def write(s, r):
    """writes"""
    s.require(s.pc[r] == "writing", "the old value is saved", location=True)
    s.data = s.writes[r]
    s.pc[r] = "done"


@system.action("read", r=Request)
def read(s, r):
    """reads what is saved, else the data"""
    s.require((s.pc[r] == "called") & (s.writes[r] == nobody(Value)), "it is to read", location=True)
    s.got[r] = If(s.saved == nobody(Value), s.data, s.saved)
    s.pc[r] = "done"


two_writers_and_a_reader = instance(
    system,
    Request=("writer 1", "writer 2", "reader"),
    Value=("old", "new 1", "new 2"),
    writes={"writer 1": "new 1", "writer 2": "new 2"},
    original="old",
)


def watch(make):
    """Say which calls and statements of the class are which steps of the model."""
    reads = make.read_snapshot
    return Watch(
        system,
        two_writers_and_a_reader,
        calls=[cowmap.CopyOnWriteMap.write, Call(reads, says=lambda value: {"got": value})],
        steps={
            "preserve: self.copying.add(key)": "copy",
            "preserve: self.copying.remove(key)": "copied",
            "preserve: return": "no copy",
            "write: self.data[key] = value": "write",
        },
        facts={
            "copied": lambda self, key: {"saved": self.saved[key]},
            "write": lambda self, key: {"data": self.data[key]},
        },
    )


@schedules(1000, modules=[cowmap], model=watch(cowmap.CopyOnWriteMap))
def with_the_bug():
    race(cowmap.CopyOnWriteMap)


@schedules(1000, modules=[cowmap], model=watch(cowmap.Mended))
def mended():
    race(cowmap.Mended)
