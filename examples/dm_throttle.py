"""Linux dm-snapshot in 5.0: the throttle of copies deadlocks with the creation of a snapshot.

A writer to the origin holds _origins_lock for reading while it waits for the throttle's semaphore. Only
kcopyd gives that back, when it has completed a copy, and for that it takes _origins_lock for reading; but it
is behind snapshot_ctr, which waits to write: a waiting writer keeps new readers out.
Source: drivers/md/dm-snap.c, 721b1d98fb51 (the semaphore); b21555786f18 is dm_throttle_repaired.py.
"""

from cowpath import Design, Enum, If, Index, System, exists

Task = Index("Task", ordered=False)
Kind = Enum("Kind", ("writer", "create", "kcopyd"))


def build(name, *, drops_the_lock):
    system = System(name)
    system.parameter("kind", Task, sort=Kind)
    system.variable("reads", Task)  # it holds _origins_lock for reading
    system.variable("copies", Task)  # a copy of its write holds the semaphore
    places = ("arrived", "inside", "throttled", "copying", "wants-lock", "copied")
    system.program(Task, places=places, ends=("done",))
    system.terminal(Task, lambda s, t: s.is_at(t, "done") | ((s.kind[t] == "kcopyd") & s.is_at(t, "idle")))
    lock = system.list("_origins_lock", held="_origins_lock, or its place before it", member=waits_or_holds)
    throttle = system.list("the throttle", held="the copy that must end first")

    def keeps_readers_out(s, q):
        return (s.kind[q] == "create") & s.is_at(q, "wants-lock")

    @system.action("origin.enter", t=Task)
    def enter(s, t):
        """Comes to write to the origin. Source: origin_map"""
        s.require_at(t, "idle")
        s.require(s.kind[t] == "writer", "is a writer", location=True)
        s.go(t, "arrived")

    @system.action("origin.lock", t=Task)
    def lock_origins(s, t):
        """Takes _origins_lock for reading. Source: do_origin"""
        s.require_at(t, "arrived")
        s.wait_on(lock, Task, lambda q: keeps_readers_out(s, q))
        s.reads[t] = True
        s.go(t, "inside")

    @system.action("copy.start", t=Task)
    def start(s, t):
        """Passes the throttle and starts its copy, outside the lock. Source: start_copy"""
        s.require_at(t, "inside")
        busy = exists(Task, lambda q: s.copies[q])
        if drops_the_lock:
            s.require(~busy, "below the limit")
        else:
            s.wait_on(throttle, Task, lambda q: (s.kind[q] == "kcopyd") & busy)
        s.copies[t] = True
        s.reads[t] = False
        s.go(t, "copying")

    if drops_the_lock:

        @system.action("copy.throttled", t=Task)
        def drop(s, t):
            """Is over the limit: drops the lock. Source: wait_for_in_progress"""
            s.require_at(t, "inside")
            s.require(exists(Task, lambda q: s.copies[q]), "over the limit")
            s.reads[t] = False
            s.go(t, "throttled")

        @system.action("copy.retry", t=Task)
        def retry(s, t):
            """Is below the limit again, and begins anew. Source: wait_for_in_progress"""
            s.require_at(t, "throttled")
            busy = exists(Task, lambda q: s.copies[q])
            s.wait_on(throttle, Task, lambda q: (s.kind[q] == "kcopyd") & busy)
            s.go(t, "arrived")

    @system.action("kcopyd.end", t=Task)
    def end(s, t):
        """Has a copy to complete. Source: copy_callback"""
        s.require_at(t, "idle")
        s.require(s.kind[t] == "kcopyd", "is kcopyd", location=True)
        s.require(exists(Task, lambda q: s.is_at(q, "copying")), "a copy has ended")
        s.go(t, "copied")

    @system.action("kcopyd.complete", t=Task, w=Task)
    def complete(s, t, w):
        """Takes _origins_lock to send {w} on, and gives the semaphore back. Source: pending_complete"""
        s.require_at(t, "copied")
        s.require(s.is_at(w, "copying"), "its copy", location=True)
        s.wait_on(lock, Task, lambda q: keeps_readers_out(s, q))
        for each in s.each(Task):
            s.copies[each] = s.copies[each] & (each != w)
            s.pc[each] = advance(s, each, t, w)

    @system.action("create.begin", t=Task)
    def begin(s, t):
        """Wants _origins_lock for writing. Source: snapshot_ctr"""
        s.require_at(t, "idle")
        s.require(s.kind[t] == "create", "is a creation", location=True)
        s.go(t, "wants-lock")

    @system.action("create.end", t=Task)
    def made(s, t):
        """Has it to itself for a moment. Source: register_snapshot"""
        s.require_at(t, "wants-lock")
        s.wait_on(lock, Task, lambda q: s.reads[q])
        s.go(t, "done")

    return system


def advance(s, each, copier, writer):
    return If(each == writer, s.place(each, "done"), If(each == copier, s.place(each, "idle"), s.pc[each]))


def waits_or_holds(s, q):
    return s.reads[q] | s.is_at(q, "wants-lock")


DESIGN = Design(
    "dm-throttle-5.0",
    era="Linux 5.0 - 5.3",
    explanation="A writer waits for the throttle while it holds _origins_lock.",
    sources=("721b1d98fb51: drivers/md/dm-snap.c",),
    build=lambda: build("dm-throttle-5.0", drops_the_lock=False),
)
