"""The map of cowmap.py as a model, and its threads held against it.

cowpath check cowmap_model.py --scenario cowmap.toml        the model keeps the snapshot
cowpath conform cowmap_model.py                             one class does what it says, the other does not
"""

from pathlib import Path

import cowmap
from test_cowmap import race

from cowpath import Case, Design, If, Index, Maybe, System, forall, load, nobody
from cowpath.conformance import Call, Watch, schedules

Request = Index("Request", ordered=False)  # a call of the map
Value = Index("Value", ordered=False)


def build():
    """Return the model, of one key."""
    system = System("cowmap")
    system.parameter("writes", Request, sort=Maybe(Value))  # what it writes; nobody: it reads the snapshot
    system.parameter("original", sort=Value)
    system.program(Request, start="called", places=("copying", "writing"), ends=("done",))
    system.terminal(Request)
    system.variable("data", sort=Maybe(Value), initial=lambda s: s.original)
    system.variable("saved", sort=Maybe(Value), unset="nothing")
    system.variable("got", Request, sort=Maybe(Value), unset="nothing")
    copies = system.list("the copy", held="the copy", member=lambda s, q: s.is_at(q, "copying"))
    system.always(
        "snapshot",
        lambda s: forall(Request, lambda r: (s.got[r] == nobody(Value)) | (s.got[r] == s.original)),
        means="who reads the snapshot reads the original value",
    )

    @system.action("copy", r=Request)
    def copy(s, r):
        """begins to copy the old value"""
        s.require_at(r, "called")
        s.require(s.writes[r] != nobody(Value), "it writes", location=True)
        s.require(s.saved == nobody(Value), "nothing is saved")
        s.wait_on(copies, Request, lambda q: s.is_at(q, "copying"))
        s.go(r, "copying")

    @system.action("copied", r=Request)
    def copied(s, r):
        """has saved the old value"""
        s.require_at(r, "copying")
        s.saved = s.data
        s.go(r, "writing")

    @system.action("no copy", r=Request)
    def no_copy(s, r):
        """finds the old value saved"""
        s.require_at(r, "called")
        s.require(s.writes[r] != nobody(Value), "it writes", location=True)
        s.require(s.saved != nobody(Value), "something is saved")
        s.go(r, "writing")

    @system.action("write", r=Request)
    def write(s, r):
        """writes"""
        s.require_at(r, "writing")
        s.data = s.writes[r]
        s.go(r, "done")

    @system.action("read", r=Request)
    def read(s, r):
        """reads what is saved, else the data"""
        s.require_at(r, "called")
        s.require(s.writes[r] == nobody(Value), "it reads", location=True)
        s.got[r] = If(s.saved == nobody(Value), s.data, s.saved)
        s.go(r, "done")

    return system


DESIGN = Design("cowmap", build=build)


def watch(make):
    """Say which calls and statements of the class are which steps of the model."""
    return Watch(
        Case(DESIGN, load(Path(__file__).with_name("cowmap.toml"))),
        calls=[cowmap.CopyOnWriteMap.write, Call(make.read_snapshot, says=lambda value: {"got": value})],
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
def test_with_the_bug():
    race(cowmap.CopyOnWriteMap)


@schedules(1000, modules=[cowmap], model=watch(cowmap.Mended))
def test_mended():
    race(cowmap.Mended)
