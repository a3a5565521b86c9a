"""Linux dm-snapshot before 2.6.27: a read of the snapshot against an exception under way.

A write to the origin copies its chunk first: the exception is pending, then complete. A snapshot read that
finds no complete exception goes to the origin, and nobody waits for it: it may come there after the write.
Source: drivers/md/dm-snap.c snapshot_map, origin_map; a8d41b59f3f5 closes the race (dm_snapshot_waits.py).
"""

from cowpath import Design, Enum, If, Index, Maybe, System, forall

Request, Chunk = Index("Request", ordered=False), Index("Chunk", ordered=True)
Exception_ = Enum("Exception", ("none", "pending", "complete"))


def build(name, *, waits_for_reads):
    system = System(name)
    system.parameter("writes", Request)
    system.parameter("chunk", Request, sort=Chunk)
    system.variable("origin", Chunk, sort=Maybe(Request), unset="original data", called="the origin")
    system.variable("cow", Chunk, sort=Maybe(Request), unset="original data", called="the COW device")
    system.variable("exception", Chunk, sort=Exception_, initial="none")
    system.variable("wrong", Request)
    places = ("read-origin", "read-cow", "queued", "copy", "publish", "write")
    system.program(Request, places=places, ends=("done",))
    system.terminal(Request)
    pending = system.list(
        "the pending exceptions",
        held="a pending exception",
        member=lambda s, q: s.is_at(q, "copy", "publish"),
    )
    tracked = system.list(
        "the tracked reads", held="a read of the origin", member=lambda s, q: s.is_at(q, "read-origin")
    )

    @system.action("snapshot.look", r=Request)
    def look(s, r):
        """Looks for a complete exception. Source: snapshot_map"""
        s.require_at(r, "idle")
        s.require(~s.writes[r], "is a read", location=True)
        complete = s.exception[s.chunk[r]] == "complete"
        s.go(r, If(complete, s.place(r, "read-cow"), "read-origin"))

    for disk, place in (("origin", "read-origin"), ("cow", "read-cow")):

        @system.action(f"snapshot.{place}", r=Request, says="reads its chunk there", source="snapshot_map")
        def read(s, r, disk=disk, place=place):
            s.require_at(r, place)
            s.read_from(disk, Chunk, lambda c: c == s.chunk[r])
            s.wrong[r] = s[disk][s.chunk[r]] != s.cow[s.chunk[r]]  # nobody ever writes new data there
            s.go(r, "done")

    @system.action("origin.look", r=Request)
    def begin(s, r):
        """Looks for an exception, and queues, or makes one. Source: __origin_write"""
        s.require_at(r, "idle")
        s.require(s.writes[r], "is a write", location=True)
        state = s.exception[s.chunk[r]]
        s.exception[s.chunk[r]] = If(state == "none", "pending", state)
        after = If(state == "pending", s.place(r, "queued"), "write")
        s.go(r, If(state == "none", s.place(r, "copy"), after))

    @system.action("origin.requeue", r=Request)
    def requeue(s, r):
        """Is let go by the exception. Source: pending_complete"""
        s.require_at(r, "queued")
        s.wait_on(pending, Request, lambda q: s.is_at(q, "copy", "publish") & (s.chunk[q] == s.chunk[r]))
        s.go(r, "write")

    @system.action("copy.write", r=Request)
    def copy(s, r):
        """Copies the chunk to the COW device. Source: start_copy, dm_kcopyd_copy"""
        s.require_at(r, "copy")
        s.write_to("cow", Chunk, lambda c: c == s.chunk[r], lambda c: s.origin[c])
        s.go(r, "publish")

    @system.action("copy.publish", r=Request)
    def publish(s, r):
        """Completes the exception. Source: pending_complete"""
        s.require_at(r, "publish")
        if waits_for_reads:
            s.wait_on(tracked, Request, lambda q: s.is_at(q, "read-origin") & (s.chunk[q] == s.chunk[r]))
        s.exception[s.chunk[r]] = "complete"
        s.go(r, "write")

    @system.action("origin.write", r=Request)
    def write(s, r):
        """Writes to the origin. Source: origin_map"""
        s.require_at(r, "write")
        s.write_to("origin", Chunk, lambda c: c == s.chunk[r], lambda c: r)
        s.go(r, "done")

    system.always(
        "snapshot",
        lambda s: forall(Request, lambda r: ~s.wrong[r]),
        means="a read of the snapshot returns what the origin held when the snapshot was made",
    )
    return system


DESIGN = Design(
    "dm-snapshot-2.6.0",
    era="Linux before 2.6.27",
    explanation="A read of the snapshot may go to the origin and come there after a write.",
    sources=("drivers/md/dm-snap.c",),
    build=lambda: build("dm-snapshot-2.6.0", waits_for_reads=False),
)
