"""QEMU up to 8.x: whoever takes an AioContext twice and polls in it hangs.

The lock of an AioContext is recursive, and polling (AIO_WAIT_WHILE) releases it so that the context's own
thread can complete what is waited for; but it releases it once, however often it was taken. Two recorded
hangs are of this shape, each a drained section inside a caller that had the context already.
Source: include/block/aio-wait.h AIO_WAIT_WHILE; 0abf258171, eca0f3524a; aio_context_repaired.py is after.
"""

from cowpath import Design, Enum, If, Index, Maybe, System, nobody

Thread = Index("Thread", ordered=False)
Kind = Enum("Kind", ("main", "iothread"))


def build(name, *, takes_it_twice):
    system = System(name)
    system.parameter("kind", Thread, sort=Kind)
    system.variable("holder", sort=Maybe(Thread))
    system.variable("twice")  # the holder has taken it twice
    places = ("outer", "inner", "polling", "polled", "completing", "completed")
    system.program(Thread, places=places, ends=("done",))
    system.terminal(Thread)
    lock = system.list("the AioContext", held="the AioContext", member=lambda s, t: s.holder == t)
    requests = system.list("requests in flight", held="the completion of a request")

    def come(s, t, kind, place):
        s.require_at(t, place)
        s.require(s.kind[t] == kind, f"is {kind}", location=True)

    def take(s, t):
        s.wait_on(lock, Thread, lambda q: (q != t) & (s.holder == q))
        s.twice = s.holder == t
        s.holder = t

    def release(s):
        s.holder = If(s.twice, s.holder, nobody(Thread))
        s.twice = False

    @system.action("main.take", t=Thread)
    def outer(s, t):
        """Takes the context. Source: aio_context_acquire"""
        come(s, t, "main", "idle")
        take(s, t)
        s.go(t, "outer" if takes_it_twice else "inner")

    if takes_it_twice:

        @system.action("main.take-again", t=Thread)
        def inner(s, t):
            """Takes the context once more, in what it calls. Source: aio_context_acquire"""
            come(s, t, "main", "outer")
            take(s, t)
            s.go(t, "inner")

    @system.action("main.drain", t=Thread)
    def drain(s, t):
        """Begins a drained section, releases the context once and polls. Source: bdrv_drained_begin"""
        come(s, t, "main", "inner")
        release(s)
        s.go(t, "polling")

    @system.action("main.drained", t=Thread)
    def drained(s, t):
        """Finds nothing in flight. Source: AIO_WAIT_WHILE"""
        come(s, t, "main", "polling")
        s.wait_on(requests, Thread, lambda q: (s.kind[q] == "iothread") & ~s.is_at(q, "done"))
        s.go(t, "polled")

    @system.action("main.retake", t=Thread)
    def retake(s, t):
        """Takes the context again after polling. Source: AIO_WAIT_WHILE"""
        come(s, t, "main", "polled")
        take(s, t)
        s.go(t, "completed")

    @system.action("main.end", t=Thread)
    def end(s, t):
        """Releases the context as often as it has it. Source: aio_context_release"""
        come(s, t, "main", "completed")
        s.holder = nobody(Thread)
        s.twice = False
        s.go(t, "done")

    @system.action("iothread.take", t=Thread)
    def enter(s, t):
        """Has a completion to run, for which it wants the context. Source: aio_dispatch"""
        come(s, t, "iothread", "idle")
        s.go(t, "completing")

    @system.action("iothread.complete", t=Thread)
    def complete(s, t):
        """Completes the request in the context, and leaves it. Source: aio_dispatch"""
        come(s, t, "iothread", "completing")
        s.wait_on(lock, Thread, lambda q: s.holder == q)
        s.go(t, "done")

    return system


DESIGN = Design(
    name="aio-context-twice",
    era="QEMU up to 8.x, where a caller takes the context twice",
    explanation="A recursive lock that polling releases once: taken twice, it is never free.",
    build=lambda: build("aio-context-twice", takes_it_twice=True),
)
