"""The lock of rwlock.py as a model, which shows its trap; and its threads, held against it.

cowpath check rwlock_model.py --scenario rwlock.toml        a reader waits for the writer who waits for it
cowpath conform rwlock_model.py                             the threads do what the model says
"""

from pathlib import Path

import rwlock

from cowpath import Case, Design, If, Index, System, exists, load
from cowpath.conformance import Watch, schedules

User = Index("User", ordered=False)


def build(name, lets_in):
    """Return the model; `lets_in(s, u)` says whom a waiting writer does not keep out."""
    system = System(name)
    system.parameter("writes", User)  # else it reads, and within that reads once more
    system.program(
        User,
        start="outside",
        places=("queueing", "writing", "reading", "reading twice", "reading again"),
        ends=("through",),
    )
    system.terminal(User)

    def reads(s, u):
        return s.is_at(u, "reading", "reading twice", "reading again")

    lock = system.list("the lock", held="the lock", member=lambda s, u: reads(s, u) | s.is_at(u, "writing"))
    queue = system.list(
        "the writers' queue", held="a place in the queue", member=lambda s, u: s.is_at(u, "queueing")
    )
    system.always(
        "exclusion",
        lambda s: ~exists(User, lambda u: s.is_at(u, "writing") & exists(User, lambda q: reads(s, q))),
        means="nobody reads while another writes",
    )

    @system.action("read", u=User)
    def read(s, u):
        """comes in to read"""
        s.require_at(u, "outside", "reading")
        s.require(~s.writes[u], "it reads", location=True)
        s.wait_on(lock, User, lambda q: s.is_at(q, "writing"))
        s.wait_on(queue, User, lambda q: s.is_at(q, "queueing") & ~lets_in(s, u))
        s.go(u, If(s.is_at(u, "outside"), s.place(u, "reading"), s.place(u, "reading twice")))

    @system.action("read.end", u=User)
    def read_end(s, u):
        """has read"""
        s.require_at(u, "reading twice", "reading again")
        s.go(u, If(s.is_at(u, "reading twice"), s.place(u, "reading again"), s.place(u, "through")))

    @system.action("queue", u=User)
    def join_queue(s, u):
        """is to write, and keeps readers out from here on"""
        s.require_at(u, "outside")
        s.require(s.writes[u], "it writes", location=True)
        s.go(u, "queueing")

    @system.action("write", u=User)
    def write(s, u):
        """comes in to write"""
        s.require_at(u, "queueing")
        s.wait_on(lock, User, lambda q: reads(s, q) | s.is_at(q, "writing"))
        s.go(u, "writing")

    @system.action("write.end", u=User)
    def write_end(s, u):
        """has written"""
        s.require_at(u, "writing")
        s.go(u, "through")

    return system


DESIGN = Design("rwlock", build=lambda: build("rwlock", lambda s, u: s.writes[u]))


def watch(design):
    """Say which calls and statements of the classes are which steps of the model."""
    return Watch(
        Case(design, load(Path(__file__).with_name("rwlock.toml"))),
        calls=[rwlock.read_twice, rwlock.write],
        steps={
            "acquire_read: self.readers.append(threading.get_ident())": "read",
            "release_read: self.readers.remove(threading.get_ident())": "read.end",
            "acquire_write: self.waiting += 1": "queue",
            "acquire_write: self.writing = True": "write",
            "release_write: self.writing = False": "write.end",
        },
    )


@schedules(1000, modules=[rwlock], model=watch(DESIGN))
def test_threads():
    rwlock.use(rwlock.ReadWriteLock)
