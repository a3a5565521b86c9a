"""The locks of rwlock.py as models, and threads held against them: `cowpath conform rwlock_model.py`."""

from functools import reduce
from operator import or_

import rwlock

from cowpath.conformance import Watch, instance, schedules
from cowpath.model.language.expression import If, exists
from cowpath.model.language.sorts import Enum, Index
from cowpath.model.language.system import System

User = Index("User", ordered=False)
Place = Enum("Place", ("outside", "queueing", "writing", "reading", "reading twice", "leaving", "done"))
READING = ("reading", "reading twice", "leaving")


def build(reentrant):
    """Return the model of the lock."""
    system = System("reentrant" if reentrant else "read-write-lock")
    system.parameter("writes", User)  # else it reads, and within that reads once more
    system.variable("pc", User, sort=Place, initial="outside")
    system.terminal(User, lambda s, u: s.pc[u] == "done")

    def at(s, u, *places):
        return reduce(or_, (s.pc[u] == place for place in places))

    def reads(s, u):
        return at(s, u, *READING)

    system.always(
        "exclusion",
        lambda s: ~exists(User, lambda u: (s.pc[u] == "writing") & exists(User, lambda q: reads(s, q))),
    )

    @system.action("read", u=User)
    def read(s, u):
        """comes in to read, the first time or the second"""
        s.require(~s.writes[u] & at(s, u, "outside", "reading"), "about to read", location=True)
        s.wait_while(User, lambda q: s.pc[q] == "writing", on="the lock", held="it for writing")
        s.wait_while(
            User,
            lambda q: (s.pc[q] == "queueing") & ~(reads(s, u) if reentrant else s.writes[u]),
            on="the waiting writer",
            held="its turn",
        )
        s.pc[u] = If(s.pc[u] == "outside", "reading", If(s.pc[u] == "reading", "reading twice", s.pc[u]))

    @system.action("read.end", u=User)
    def read_end(s, u):
        """has read, once or for good"""
        s.require(at(s, u, "reading twice", "leaving"), "reading", location=True)
        s.pc[u] = If(s.pc[u] == "leaving", "done", If(s.pc[u] == "reading twice", "leaving", s.pc[u]))

    @system.action("queue", u=User)
    def queue(s, u):
        """is to write, and keeps readers out from here on"""
        s.require(s.writes[u] & (s.pc[u] == "outside"), "about to write", location=True)
        s.pc[u] = "queueing"

    @system.action("write", u=User)
    def write(s, u):
        """comes in to write"""
        s.require(s.pc[u] == "queueing", "queueing", location=True)
        s.wait_while(User, lambda q: reads(s, q) | (s.pc[q] == "writing"), on="the lock", held="it")
        s.pc[u] = "writing"

    @system.action("write.end", u=User)
    def write_end(s, u):
        """has written"""
        s.require(s.pc[u] == "writing", "writing", location=True)
        s.pc[u] = "done"

    return system


def watch(make, reentrant):
    """Say which calls and statements of the class are which steps of the model."""
    system = build(reentrant)
    return Watch(
        system,
        instance(system, User=("reader", "writer"), writes={"writer": True}),
        calls=[rwlock.read_twice, rwlock.write],
        steps={
            "acquire_read: self.readers.append(threading.get_ident())": "read",
            "release_read: self.readers.remove(threading.get_ident())": "read.end",
            "acquire_write: self.waiting += 1": "queue",
            "acquire_write: self.writing = True": "write",
            "release_write: self.writing = False": "write.end",
        },
    )


@schedules(1000, modules=[rwlock], model=watch(rwlock.ReadWriteLock, False))
def as_it_is():
    rwlock.use(rwlock.ReadWriteLock)


@schedules(1000, modules=[rwlock], model=watch(rwlock.Reentrant, True))
def mended():
    rwlock.use(rwlock.Reentrant)
