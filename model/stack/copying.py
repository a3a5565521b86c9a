"""Copying one extent, the clusters [at, upto), from the secondary disk to the hidden disk.

The two transfers are all that the backup job's loop (backup.py) and block-copy (block_copy.py) share. Where
the source is in the target's backing chain, from 3.0 on, the write to the target is serialising there.
Source: block/backup.c backup_do_cow (2.8), backup_cow_with_bounce_buffer (3.0); block/block-copy.c
block_copy_with_bounce_buffer (4.2), block_copy_do_copy (5.0).
"""

from __future__ import annotations

from cowpath.model.language.expression import Expr, If, nobody
from cowpath.model.language.sorts import Position
from cowpath.model.language.system import State, System
from cowpath.model.stack import protocol
from cowpath.model.stack.tracked import Node
from cowpath.model.stack.world import Cluster, Request, Sector, at, come_to, in_extent, is_write, place


def _claims(s: State, r: Expr, x: Expr) -> Expr:
    read = s.reads[r, x] & (s.asked[r] <= s.cluster_of[x]) & (s.cluster_of[x] < s.until[r])
    return If(is_write(s, r), in_extent(s, r, x), read)


HIDDEN = Node("hidden", "the hidden disk", _claims, is_write)
"""The hidden disk's node where the job's writes to it are serialising (3.0 on).

A copy claims its clusters and is serialising; a guest's request claims what it was asked to read there,
until all of it is read.
Source: block/backup.c, BDRV_REQ_SERIALISING (3.0, f8d59dfb40); block/block-copy.c block_copy_state_new.
"""


def declare(system: System, secondary: Node, *, hidden: Node | None, inside: bool, source: str) -> None:
    """Add the steps from `copy-enter` to `copied` or `copy-failed`.

    `inside`: the copy runs inside a write that is on the secondary's tracked list already, so its read
    carries NO_SERIALISING (2.5 - 4.2). Else the read is an ordinary request of that node and may wait.
    """
    if hidden is not None:
        hidden.declare(system)
        # A guest's request asks the hidden disk for clusters [asked, until).
        system.variable(
            "asked", Request, sort=Position(Cluster), initial=lambda s, r: s.first[r], internal=True
        )
    if not inside:
        secondary.wait(
            system,
            "cow.enter",
            says="enters the secondary's node to copy",
            arrives=lambda s, r: at(s, r, "copy-enter"),
            parked="copy-enter-parked",
            then=lambda s, r: place("copy-read"),
            source="block/io.c bdrv_aligned_preadv, 4.2",
        )

    def leave_secondary(s: State, r: Expr) -> None:
        protocol.come_back(s, r)
        if inside:
            secondary.leave_nested(s, r)
        else:
            secondary.leave(s, r)

    @system.action("cow.read", r=Request, source=source)
    def read(s: State, r: Expr) -> None:
        """Copies from the secondary disk."""
        come_to(s, r, "copy-read")
        protocol.come_through(s, r)
        s.require(s.fault[r] != "cbw-read", "the read succeeds", location=True)
        for x in s.each(Sector):
            s.copied[r, x] = If(in_extent(s, r, x), s.secondary[x], s.copied[r, x])
        s.observe(
            "reads", Sector, lambda x: in_extent(s, r, x), lambda x: s.secondary[x], unset="original data"
        )
        s.pc[r] = "copy-write" if hidden is None else "copy-buffered"
        leave_secondary(s, r)

    @system.action("cow.read-fails", r=Request, source=source)
    def read_fails(s: State, r: Expr) -> None:
        """Fails to read from the secondary disk."""
        come_to(s, r, "copy-read")
        protocol.come_through(s, r)
        s.require(s.fault[r] == "cbw-read", "the read fails", location=True)
        s.pc[r] = "copy-failed"
        leave_secondary(s, r)

    if hidden is not None:
        hidden.wait(
            system,
            "cow.serialise",
            says="enters the hidden disk's node, serialising",
            arrives=lambda s, r: at(s, r, "copy-buffered"),
            parked="copy-parked",
            then=lambda s, r: place("copy-write"),
            source="BDRV_REQ_SERIALISING, 3.0 (f8d59dfb40, 09d2f94846)",
        )

    def leave_hidden(s: State, r: Expr) -> None:
        for x in s.each(Sector):
            s.copied[r, x] = nobody(Request)
        if hidden is not None:
            hidden.leave(s, r)

    @system.action("cow.write", r=Request, source=source)
    def write(s: State, r: Expr) -> None:
        """Copies to the hidden disk."""
        come_to(s, r, "copy-write")
        s.require(s.fault[r] != "cbw-write", "the write succeeds", location=True)
        for x in s.each(Sector):
            s.hidden[x] = If(in_extent(s, r, x), s.copied[r, x], s.hidden[x])
        for k in s.each(Cluster):
            s.in_hidden[k] = s.in_hidden[k] | ((s.at[r] <= k) & (k < s.upto[r]))
        s.pc[r] = "copied"
        leave_hidden(s, r)

    @system.action("cow.write-fails", r=Request, source=source)
    def write_fails(s: State, r: Expr) -> None:
        """Fails to write to the hidden disk."""
        come_to(s, r, "copy-write")
        s.require(s.fault[r] == "cbw-write", "the write fails", location=True)
        s.pc[r] = "copy-failed"
        leave_hidden(s, r)
