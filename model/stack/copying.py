"""Copying one extent, the clusters [at, upto), from the secondary disk to the hidden disk.

The two transfers are all that the backup job's loop (backup.py) and block-copy (block_copy.py) share. Where
the source is in the target's backing chain, from 3.0 on, the write to the target is serialising there.
Source: block/backup.c backup_do_cow (2.8), backup_cow_with_bounce_buffer (3.0); block/block-copy.c
block_copy_with_bounce_buffer (4.2), block_copy_do_copy (5.0).
"""

from __future__ import annotations

from collections.abc import Iterator

from cowpath.model.language.claim import Claim, claim
from cowpath.model.language.expression import Expr, If, forall, nobody
from cowpath.model.language.program import Region
from cowpath.model.language.system import State, System
from cowpath.model.stack import hidden, protocol
from cowpath.model.stack.hidden import SerialisingTarget
from cowpath.model.stack.part import Parts
from cowpath.model.stack.secondary import COPY_ENTERS, COPY_PARKED, NotifierInside, node_of
from cowpath.model.stack.world import (
    BUFFERED,
    COPYING,
    READS_FOR_COPY,
    UNWRITTEN,
    WRITES,
    Cluster,
    Request,
    Sector,
    in_extent,
    running,
)


def declare(system: System, parts: Parts, *regions: Region) -> None:
    """Declare the places from `copy-enter` to `copied` or `copy-failed`; all belong to the regions, too."""
    node, pc = node_of(parts), system.programs["pc"]
    inside, serialises = parts.has(NotifierInside), parts.has(SerialisingTarget)

    def place(name: str, says: str, *within: Region) -> None:
        pc.place(name, says, of=WRITES, within=(*regions, *within))

    if not inside:
        place("copy-enter", "about to enter the secondary's node to copy", COPY_ENTERS, UNWRITTEN)
        place("copy-enter-parked", "waiting there to copy", COPY_PARKED, UNWRITTEN, node.parked)
    on_list = () if inside else (node.past,)
    place("copy-read", "reading from the secondary disk", READS_FOR_COPY, COPYING, UNWRITTEN, *on_list)
    if serialises:
        place("copy-buffered", "about to enter the hidden disk's node", BUFFERED, COPYING, UNWRITTEN)
        place(
            "copy-parked",
            "waiting there to write its copy",
            BUFFERED,
            COPYING,
            UNWRITTEN,
            hidden.NODE.parked,
        )
    written = (hidden.NODE.past,) if serialises else ()
    place("copy-write", "writing its copy to the hidden disk", BUFFERED, COPYING, UNWRITTEN, *written)
    place("copied", "back from the hidden disk", COPYING)
    place("copy-failed", "with a copy that has failed", UNWRITTEN)


def act(system: System, parts: Parts, *, source: str, asks_status: bool = False) -> None:
    """Add the steps.

    Inside a write that is on the secondary's tracked list already the copy's read carries NO_SERIALISING
    (2.5 - 4.2). Else it is an ordinary request of that node and may wait. `asks_status`: what is zeroes need
    not be read, if all of the extent is; a cluster of which only a part is zeroes is copied as data.
    """
    node, inside = node_of(parts), parts.has(NotifierInside)
    serialises = parts.has(SerialisingTarget)
    if not inside:
        node.wait(
            system,
            "cow.enter",
            says="enters the secondary's node to copy",
            arrives=lambda s, r: s.is_at(r, "copy-enter"),
            parked="copy-enter-parked",
            then=lambda s, r: s.place(r, "copy-read"),
            source="block/io.c bdrv_aligned_preadv, 4.2",
        )

    if asks_status:

        @system.action("cow.zeroes", r=Request, source="block/block-copy.c block_copy_block_status, 5.0")
        def zeroes(s: State, r: Expr) -> None:
            """Knows its extent for zeroes, reads nothing."""
            s.require_at(r, "copy-enter")
            s.require(s.zeroes, "the source says what is zeroes", location=True)
            # The answer is of when it was asked: what has been written since, by who was past its own copy
            # when a checkpoint came that nobody quiesced, does not change it.
            said = forall(Sector, lambda x: in_extent(s, r, x).implies(s.epoch[x] == nobody(Request)))
            s.require(said, "zeroes when it asked")
            s.go(r, "copy-buffered" if serialises else "copy-write")

    def leave_secondary(s: State, r: Expr) -> None:
        protocol.end_transfer(s, r)
        if inside:
            node.leave_nested(s, r)
        else:
            node.leave(s, r)

    @system.action("cow.read", r=Request, source=source)
    def read(s: State, r: Expr) -> None:
        """Copies from the secondary disk."""
        s.require_at(r, "copy-read")
        protocol.require_transfer_done(s, r)
        s.read_from("secondary", Sector, lambda x: in_extent(s, r, x), fails="cbw-read")
        for x in s.each(Sector):
            s.copied[r, x] = If(in_extent(s, r, x), s.secondary[x], s.copied[r, x])
        s.go(r, "copy-buffered" if serialises else "copy-write")
        leave_secondary(s, r)

    @system.action("cow.read-fails", r=Request, source=source)
    def read_fails(s: State, r: Expr) -> None:
        """Fails to read from the secondary disk."""
        s.require_at(r, "copy-read")
        protocol.require_transfer_done(s, r)
        s.fails("cbw-read", "the read fails")
        s.go(r, "copy-failed")
        leave_secondary(s, r)

    if serialises:
        hidden.NODE.wait(
            system,
            "cow.serialise",
            says="enters the hidden disk's node to write its copy",
            arrives=lambda s, r: s.is_at(r, "copy-buffered"),
            parked="copy-parked",
            then=lambda s, r: s.place(r, "copy-write"),
            source="BDRV_REQ_SERIALISING, 3.0 (f8d59dfb40, 09d2f94846)",
        )

    def leave_hidden(s: State, r: Expr) -> None:
        for x in s.each(Sector):
            s.copied[r, x] = nobody(Request)
        if serialises:
            hidden.NODE.leave(s, r)

    @system.action("cow.write", r=Request, source=source)
    def write(s: State, r: Expr) -> None:
        """Copies to the hidden disk."""
        s.require_at(r, "copy-write")
        s.write_to(
            "hidden", Sector, lambda x: in_extent(s, r, x), lambda x: s.copied[r, x], fails="cbw-write"
        )
        for k in s.each(Cluster):
            s.in_hidden[k] = s.in_hidden[k] | ((s.at[r] <= k) & (k < s.upto[r]))
        s.go(r, "copied")
        leave_hidden(s, r)

    @system.action("cow.write-fails", r=Request, source=source)
    def write_fails(s: State, r: Expr) -> None:
        """Fails to write to the hidden disk."""
        s.require_at(r, "copy-write")
        s.fails("cbw-write", "the write fails")
        s.go(r, "copy-failed")
        leave_hidden(s, r)


def snapshot() -> Iterator[Claim]:
    """Say that copies are of the snapshot."""
    yield claim("what has been read for a copy is the snapshot", Request, Sector)(
        lambda s, r, x: (running(s) & s.within(r, BUFFERED) & in_extent(s, r, x)).implies(
            s.copied[r, x] == s.epoch[x]
        )
    )
    yield claim("the hidden disk holds the snapshot", Sector)(
        lambda s, x: (running(s) & s.in_hidden[s.cluster_of[x]]).implies(s.hidden[x] == s.epoch[x])
    )
