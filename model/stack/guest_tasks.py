"""A guest's write as QEMU's qcow2 makes it: clusters of both sorts in one run, and a task for each run (4.2).

A run goes on from mapped clusters to new ones and back where these follow one another in the file, which
only the file knows: it may end at each such border. Such a mixed run writes its data first, all at once; then
it takes its new clusters from the last on: what the last lacks behind the data is read and written, and what
lacks nothing is linked in one go; so is what the first lacks before the data, and then that is linked.
A run of one sort is as it is elsewhere. Where a run is not all of the write, it is the task of a piece; the
write looks for the next one meanwhile, and waits for all of them at its end. Another's allocation cuts a run
that has new clusters by then; one without waits for it, and looks again.
Left out: who has begun to wait for another's allocation when a task of its own fails hands out one more. QEMU
runs 8 tasks at most; a write that has more runs is in no scenario.
Source: block/qcow2.c qcow2_co_pwritev_part, qcow2_co_pwritev_task, qcow2_handle_l2meta, merge_cow;
qcow2-cluster.c qcow2_alloc_host_offset, perform_cow (4.2, 5.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from cowpath.model.language.claim import Claim, Landmark, Level, claim
from cowpath.model.language.expression import Expr, If, coerce, exists, forall, nobody
from cowpath.model.language.sorts import BOOL
from cowpath.model.language.system import State, System
from cowpath.model.stack.commit import Commit
from cowpath.model.stack.cow_requests import ADMITTED
from cowpath.model.stack.guest_writes import ALLOCATIONS, GuestWrites, lacks
from cowpath.model.stack.overlay import filling, in_run, leave_failed
from cowpath.model.stack.part import Parts
from cowpath.model.stack.pieces import is_next_piece, is_piece, is_whole, wait_for_pieces
from cowpath.model.stack.world import GUEST_WRITES, WHOLE, Cluster, Request, Sector, is_kind, own

_TASKS = "block/qcow2.c qcow2_co_pwritev_part, qcow2_add_task, 4.2"
_TASK = "block/qcow2.c qcow2_co_pwritev_task, 4.2"
_LINK = "block/qcow2.c qcow2_handle_l2meta, 4.2"


@dataclass(frozen=True)
class GuestTasks(GuestWrites):
    """The runs of a guest's write, in tasks; to be put beside pooled reads."""

    merges: bool = True

    @property
    def slot(self) -> str:
        """It is the guest's writes."""
        return GuestWrites.__name__

    @property
    def splits(self) -> Mapping[str, int]:
        """A guest write, in runs; what one of them asks of the hidden disk is one cluster, or is not cut."""
        return {"guest-write": 2}

    def declare(self, system: System, parts: Parts) -> None:
        """Declare, too, which clusters a run is to map, and how far a mixed one is."""
        super().declare(system, parts)
        system.variable("fresh", Request, Cluster, internal=True)
        system.variable("written", Request, internal=True)  # the data of its mixed run
        system.programs["pc"].place(
            "joining-runs", "waiting for the tasks of its runs", of=GUEST_WRITES, within=(ADMITTED, WHOLE)
        )

    def act(self, system: System, parts: Parts) -> None:
        """Add the look for runs, their transfers and links, and the join."""
        self._allocations(system, parts.find(Commit))
        self._runs(system, parts.find(Commit))

        @system.action("guest.join", r=Request, source="block/aio_task.c aio_task_pool_wait_all, 4.2")
        def join(s: State, r: Expr) -> None:
            """Has written all its runs."""
            s.require_at(r, "joining-runs")
            s.require(~s.piece_failed[r], "no task has failed")
            wait_for_pieces(s, r)
            s.go(r, "finishing")

        @system.action("guest.join-fails", r=Request, source="block/aio_task.c aio_task_pool_wait_all, 4.2")
        def join_fails(s: State, r: Expr) -> None:
            """Finds that a task has failed: hands out no other, and has all back."""
            s.require(_joins(s, r), "joins its tasks", location=True)
            s.require(s.piece_failed[r], "a task has failed")
            wait_for_pieces(s, r)
            s.piece_failed[r] = False
            s.at[r] = s.first[r]
            s.run[r] = s.first[r]
            s.go(r, "failing")

    def _allocations(self, system: System, commit: Commit | None) -> None:
        def looks(s: State, r: Expr, e: Expr) -> Expr:
            """Require that [at, e] can be r's next run; tell whether that is all of the write."""
            s.require_at(r, "allocate")
            only = None if commit is None else s.by_extent[r]
            s.wait_on(ALLOCATIONS, Request, lambda q: (q != r) & _stands_in_the_way(s, r, q, only))
            apart = forall(Cluster, lambda j: ((s.at[r] < j) & (j <= e)).implies(~_others_allocate(s, r, j)))
            ends = forall(Cluster, lambda k: ((e + 1 == k) & (k < s.end[r])).implies(_may_end(s, r, e, k)))
            longest, all_ = apart & ends, (s.at[r] == s.first[r]) & (e + 1 == s.end[r])
            if commit is not None:
                longest = If(s.by_extent[r], s.at[r] == e, longest)
                all_ = all_ | s.by_extent[r]
            s.require((s.at[r] <= e) & (e < s.end[r]) & longest, "a run", location=True)
            s.observe(
                "mapped", Cluster, lambda k: (s.at[r] <= k) & (k <= e), lambda k: s.in_active[k], unset=""
            )
            return all_

        @system.action("guest.allocate", r=Request, e=Cluster, source=_TASKS)
        def allocate(s: State, r: Expr, e: Expr) -> None:
            """Takes all of it as one run of the active disk; allocates what is not mapped."""
            s.require(looks(s, r, e), "all of it", location=True)
            head, tail = _lacks(s, r, e)
            at_once = s.merged[r] & (s.at[r] == s.first[r]) & (e + 1 == s.end[r])
            start = If(tail & ~head, s.last[r], s.at[r])
            s.at[r] = start
            s.filling[r] = If(
                head & at_once,
                filling("all"),
                If(head, filling("head"), If(tail, filling("tail"), "nothing")),
            )
            s.asked[r] = If(head | tail, start, s.first[r])
            _take(s, r, r, e)
            s.go(r, If(head | tail, s.place(r, "to-hidden"), "active-write"))

        @system.action("guest.allocate.task", r=Request, e=Cluster, c=Request, source=_TASKS)
        def allocate_task(s: State, r: Expr, e: Expr, c: Expr) -> None:
            """Takes its next run of the active disk, hands it out; allocates what is not mapped."""
            s.require(~looks(s, r, e), "part of it", location=True)
            s.require(~s.piece_failed[r], "no task has failed", location=True)
            s.require(is_next_piece(s, r, c), "its piece", location=True)
            head, tail = _lacks(s, r, e)
            last = e + 1 == s.end[r]
            start, goes_on = If(tail, s.last[r], s.at[r]), If(last, s.first[r], e + 1)
            for q in s.each(Request):
                follows = If(last, s.place(r, "joining-runs"), "allocate")
                begins = If(head | tail, s.place(c, "to-hidden"), "active-write")
                s.go(q, If(q == r, follows, If(q == c, begins, s.pc[q])))
                s.at[q] = If(q == r, goes_on, If(q == c, start, s.at[q]))
                s.run[q] = If(q == r, goes_on, s.run[q])
            s.filling[c] = If(head, filling("head"), If(tail, filling("tail"), "nothing"))
            s.asked[c] = If(head | tail, start, s.first[c])
            _take(s, r, c, e)

    def _runs(self, system: System, commit: Commit | None) -> None:
        def written(s: State, o: Expr, where: Callable[[Expr], Expr]) -> None:
            if commit is not None:
                commit.written(s, o, where)

        def whole_over(s: State, r: Expr) -> tuple[Expr, Expr]:
            """Return where r is after its run, which is all of it or of its extent, and at which cluster."""
            last = s.until[r] == s.end[r]
            follows = s.place(r, "allocate") if commit is None else commit.next_run(s, r)
            return If(last, s.place(r, "finishing"), follows), If(last, s.first[r], s.until[r])

        def piece_over(s: State, r: Expr) -> tuple[Expr, Expr]:
            return s.place(r, "unborn"), s.first[r]

        def goes_on(
            s: State, r: Expr, over: tuple[Expr, Expr], ends: Expr, head: Expr, tail: Expr | bool = False
        ) -> None:
            """Read what the first or the last of the run lacks, end it, or else link."""
            tail = coerce(tail, BOOL)
            (place, start), reads = over, head | tail
            at = If(tail, s.last[r], If(ends, start, s.run[r]))
            s.go(r, If(reads, s.place(r, "to-hidden"), If(ends, place, "linking")))
            s.at[r] = at
            s.run[r] = If(ends, start, s.run[r])
            s.until[r] = If(ends, s.end[r], s.until[r])
            s.filling[r] = If(tail, filling("tail"), If(head, filling("head"), "nothing"))
            s.asked[r] = If(reads, at, s.first[r])
            s.allocating[r] = s.allocating[r] & ~ends

        def writes(s: State, r: Expr, o: Expr, over: tuple[Expr, Expr]) -> None:
            """Write what r has of its run, as data of o."""
            s.require_at(r, "active-write")
            mixed, had, tail = _is_mixed(s, r), s.written[r], _lacks_tail(s, r)

            def wanted(x: Expr) -> Expr:
                new = s.fresh[r, s.cluster_of[x]]
                end = new & s.reads[r, x] & (s.tail[r, x] == tail)
                return in_run(s, r, s.cluster_of[x]) & If(had, end, s.covers[r, x] | (new & ~mixed))

            wrong = exists(
                Sector,
                lambda x: (
                    wanted(x)
                    & ~s.covers[r, x]
                    & (s.copied[r, x] != If(s.in_active[s.cluster_of[x]], s.active[x], s.epoch[x]))
                ),
            )
            s.wrong_fill[r] = s.wrong_fill[r] | ((s.job == "running") & wrong)
            s.write_to(
                "active",
                Sector,
                wanted,
                lambda x: If(s.covers[r, x], o, s.copied[r, x]),
                fails="active-write",
            )
            for x in s.each(Sector):
                s.copied[r, x] = nobody(Request)
            s.written[r] = mixed
            written(s, o, lambda k: in_run(s, r, k) & ~s.fresh[r, k] & ~had)
            first = mixed & ~had
            head = first & ~tail & _lacks_head(s, r) & ~_has_beyond(s, r)
            goes_on(s, r, over, ~s.allocating[r], head, first & tail)

        def links(s: State, r: Expr, o: Expr, over: tuple[Expr, Expr]) -> None:
            """Map what r has all of; go on with what the first of its clusters lacks, if it does still."""
            s.require_at(r, "linking")
            head = s.written[r] & _lacks_head(s, r) & _has_beyond(s, r)

            def linked(k: Expr) -> Expr:
                return s.fresh[r, k] & (~head | _is_beyond(s, r, k))

            for k in s.each(Cluster):
                s.in_active[k] = s.in_active[k] | linked(k)
                s.fresh[r, k] = s.fresh[r, k] & ~linked(k)
            written(s, o, linked)
            s.written[r] = head
            goes_on(s, r, over, ~head, head)

        @system.action("guest.write", r=Request, source=_TASK)
        def write(s: State, r: Expr) -> None:
            """Writes its run to the active disk, or what it has read for an end of it."""
            s.require(~is_piece(s, r), "is the write itself", location=True)
            writes(s, r, r, whole_over(s, r))

        @system.action("guest.write.task", c=Request, r=Request, source=_TASK)
        def write_task(s: State, c: Expr, r: Expr) -> None:
            """Writes its run to the active disk, or what it has read for an end of it."""
            s.require(s.parent[c] == r, "is its task", location=True)
            writes(s, c, r, piece_over(s, c))

        @system.action("guest.link", r=Request, source=_LINK)
        def link(s: State, r: Expr) -> None:
            """Maps its run in the active disk."""
            s.require(~is_piece(s, r), "is the write itself", location=True)
            links(s, r, r, whole_over(s, r))

        @system.action("guest.link.task", c=Request, r=Request, source=_LINK)
        def link_task(s: State, c: Expr, r: Expr) -> None:
            """Maps its run in the active disk."""
            s.require(s.parent[c] == r, "is its task", location=True)
            links(s, c, r, piece_over(s, c))

        @system.action("guest.write-fails", r=Request, source=_TASK)
        def write_fails(s: State, r: Expr) -> None:
            """Fails to write to the active disk."""
            s.require_at(r, "active-write")
            s.require(~is_piece(s, r), "is the write itself", location=True)
            s.fails("active-write", "the write fails")
            leave_failed(s, r, True)
            s.written[r] = False

        @system.action("guest.write-fails.task", c=Request, source=_TASK)
        def write_task_fails(s: State, c: Expr) -> None:
            """Fails to write to the active disk: what it has allocated is never linked."""
            s.require_at(c, "active-write")
            s.require(is_piece(s, c), "is a task", location=True)
            s.fails("active-write", "the write fails")
            for q in s.each(Request):
                s.piece_failed[q] = s.piece_failed[q] | (s.parent[c] == q)
            for x in s.each(Sector):
                s.copied[c, x] = nobody(Request)
            self.give_up(s, c)
            s.at[c] = s.first[c]
            s.until[c] = s.end[c]
            s.go(c, "unborn")

    def give_up(self, s: State, r: Expr) -> None:
        """Forget what r has done of its run, after an error; a task lets go of what it has allocated, too."""
        piece = is_piece(s, r)
        for k in s.each(Cluster):
            s.fresh[r, k] = s.fresh[r, k] & ~piece
        s.allocating[r] = s.allocating[r] & ~piece
        s.written[r] = False

    def claims(self, parts: Parts) -> Iterator[Claim]:
        """Say, too, what a run is to map."""
        yield from super().claims(parts)
        yield claim("who is to map a cluster of its run has an allocation in flight", Request, Cluster)(
            lambda s, r, k: (s.allocating[r] & s.fresh[r, k]).implies(in_run(s, r, k))
        )
        yield claim("who has an allocation in flight has something to map", Request)(
            lambda s, r: s.allocating[r].implies(exists(Cluster, lambda k: s.fresh[r, k] & in_run(s, r, k)))
        )

    def levels(self, parts: Parts) -> Iterator[Level]:
        """Say, too, who waits for tasks."""
        yield from super().levels(parts)
        yield Level(
            "the tasks of a guest write",
            "a guest write waits for its tasks, which are past every wait for allocations",
            _joins,
        )

    def landmarks(self, parts: Parts) -> Iterator[Landmark]:
        """Yield where a run ends."""

        def ends(s: State, r: Expr, k: Expr) -> Expr:
            other = (k == s.end[r]) | (s.in_active[k] != s.in_active[s.at[r]]) | _others_allocate(s, r, k)
            return other | s.by_extent[r] if parts.has(Commit) else other

        yield Landmark(
            "where a guest write's run ends", Cluster, lambda s, r, k: (s.at[r] < k) & ends(s, r, k)
        )

    def given(self, parts: Parts) -> Iterator[Claim]:
        """Say that a guest write of several clusters has a piece wherever one may begin."""
        yield claim("a guest write of several clusters has a piece at each", Request, Cluster)(
            lambda s, r, k: (
                is_kind(s, r, "guest-write") & ~is_piece(s, r) & own(s, r, k) & ~is_whole(s, r)
            ).implies(s.piece_at[r, k] != nobody(Request))
        )


def is_task(s: State, r: Expr) -> Expr:
    """Tell whether r, if it is under way, is a piece of a guest write that writes a run."""
    return is_kind(s, r, "guest-write") & is_piece(s, r) & (s.filling[r] != "all")


def _take(s: State, r: Expr, w: Expr, e: Expr) -> None:
    """Let w have r's next run, [at, e]: it maps what is not mapped."""
    for k in s.each(Cluster):
        s.fresh[w, k] = _in(s, r, e, k) & ~s.in_active[k]
    s.allocating[w] = exists(Cluster, lambda k: _in(s, r, e, k) & ~s.in_active[k])
    s.until[w] = e + 1


def _in(s: State, r: Expr, e: Expr, k: Expr) -> Expr:
    return (s.at[r] <= k) & (k <= e)


def _lacks(s: State, r: Expr, e: Expr) -> tuple[Expr, Expr]:
    """Tell what r's next run, [at, e], lacks before and behind the data, if all of it is new."""
    new = forall(Cluster, lambda k: _in(s, r, e, k).implies(~s.in_active[k]))
    return new & lacks(s, r, e, False), new & lacks(s, r, e, True)


def _may_end(s: State, r: Expr, e: Expr, k: Expr) -> Expr:
    """Tell whether r's run may end with e, before k: another allocates that, or it is of the other sort."""
    return (s.in_active[k] != s.in_active[e]) | _others_allocate(s, r, k)


def _allocates(s: State, q: Expr, k: Expr) -> Expr:
    return s.allocating[q] & s.fresh[q, k]


def _stands_in_the_way(s: State, r: Expr, q: Expr, only: Expr | None) -> Expr:
    """Tell whether r waits for q, which allocates r's next cluster, or one that only mapped ones precede.

    `only`: if so, r looks at its next cluster only.
    """

    def meets(k: Expr) -> Expr:
        mapped = forall(Cluster, lambda j: ((s.at[r] <= j) & (j < k)).implies(s.in_active[j]))
        return (s.at[r] == k) | ((s.at[r] < k) & (mapped if only is None else mapped & ~only))

    return exists(Cluster, lambda k: (k < s.end[r]) & _allocates(s, q, k) & meets(k))


def _others_allocate(s: State, r: Expr, k: Expr) -> Expr:
    return exists(Request, lambda q: (q != r) & _allocates(s, q, k))


def _is_mixed(s: State, r: Expr) -> Expr:
    """Tell whether r's run has clusters of both sorts; what is linked is of neither any more."""
    old = exists(Cluster, lambda k: in_run(s, r, k) & ~s.fresh[r, k])
    return s.written[r] | (s.allocating[r] & old)


def _lacks_head(s: State, r: Expr) -> Expr:
    """Tell whether the first cluster of r's run is to be mapped and lacks something before the data."""
    return s.fresh[r, s.run[r]] & exists(
        Sector, lambda x: s.reads[r, x] & ~s.tail[r, x] & (s.cluster_of[x] == s.run[r])
    )


def _lacks_tail(s: State, r: Expr) -> Expr:
    """Tell whether the last cluster of r's run is to be mapped and lacks something behind the data."""
    return exists(
        Sector,
        lambda x: (
            s.reads[r, x] & s.tail[r, x] & s.fresh[r, s.cluster_of[x]] & (s.cluster_of[x] + 1 == s.until[r])
        ),
    )


def _is_beyond(s: State, r: Expr, k: Expr) -> Expr:
    """Tell whether what r is to map has a gap before cluster k, so that it is not of the first allocation."""
    return s.fresh[r, k] & exists(Cluster, lambda j: (s.run[r] <= j) & (j < k) & ~s.fresh[r, j])


def _has_beyond(s: State, r: Expr) -> Expr:
    return exists(Cluster, lambda k: _is_beyond(s, r, k))


def _joins(s: State, r: Expr) -> Expr:
    """Tell whether r hands no more tasks out: there are none, or one has failed."""
    return s.is_at(r, "joining-runs") | (s.is_at(r, "allocate") & s.piece_failed[r])
