"""The bugs of the public record that copy-before-write and its neighbours have had.

A line is added when a bug is known; `said` when a design and a scenario can say it. Commits are upstream's,
each with the first release that has it in brackets.
"""

from __future__ import annotations

from cowpath.model.bench.recorded import Report, Said

_STATES = "is an error returned to who asks, which no property forbids"
_THREADS = "is between threads and their locks; the model has one thread of coroutines"
_TAKEN_TWICE = "is of threads and locks; an AioContext taken twice is written out in examples/aio_context.py"
_EXAMPLE = "is of another system, which is written out in examples/, before and after"

_BACKUP = (
    Report(
        "reader passes copy",
        "a read of the backup target that has looked up its cluster passes the copy and the write, and "
        "returns new data",
        'a8bbee0edf "Backup: export interfaces for extra serialization", 29ff789060 [2.8]',
        "the patches v1 - v18 of 2015 and 2016",
        Said("race", "snapshot", "2.7", "2.8", "replication"),
    ),
    Report(
        "discard uncopied",
        "a discard on the source runs no before-write notifier, so that old data are lost",
        'ec050f77a5 "block: process before_write_notifiers in bdrv_co_discard" [2.7]',
        "1.6 - 2.6",
        Said("source-discard", "snapshot", "rfc-2016-2.6", "rfc-2016-2.7"),
    ),
    Report(
        "discard undone",
        "a discard on the source does not wait for a read-modify-write, which writes back what was discarded",
        '"block: Use common req handling for discard" [3.0]',
        "up to 2.12",
        Said("discard-meets-rmw", "write-through", "2.12", "4.1", "fleecing"),
    ),
    Report(
        "fleecing reads new data",
        "the same race where a client reads the target of a backup, an overlay of its source",
        'f8d59dfb40 "block/backup: fix fleecing scheme: use serialized writes" [3.0]',
        "up to 2.12",
        Said("race", "snapshot", "2.12", "3.0", "fleecing"),
    ),
    Report(
        "meets itself",
        "the job's read of a source that copies on read waits for the write that it is made in",
        "06c3916b35, 61408b250e [2.5]: BDRV_REQ_NO_SERIALISING",
        "up to 2.4",
        unsaid="needs a conflict with one's own nested request, which QEMU asserts away; before 2.6",
    ),
    Report(
        "copies done parts again",
        "a backup by copy_range copies a whole run of clusters, those copied already and changed since, too",
        "4a5b91ca02 [4.1]",
        "3.0 - 4.0",
        Said("copy-offload", "snapshot", "4.0", "4.1", "fleecing"),
    ),
    Report(
        "freed before drained",
        "the job's end frees block-copy's state, which writes in the filter still use",
        "503ca1262b [5.0]",
        "4.2",
        Said("stop", "lifetime", "4.2", "5.0", "replication"),
    ),
    Report(
        "waits by length",
        "a copy waits for others in flight with a length where an end is expected: two writes to any cluster "
        "but the first miss each other",
        '5332e5d210 "block/block-copy: refactor interfaces to use bytes instead of end" [5.0]',
        "4.2 (a6ffe1998c)",
        Said("second-cluster", "snapshot", "4.2", "5.0", "replication"),
    ),
    Report("ends twice", "closing replication cancels its job a second time", "e140f4b7b8 [5.1]",
           "3.1 - 5.0", said=Said("exit", "lifetime", "5.0", "5.1", "replication")),
    Report("after failover", "a checkpoint or stop after a failover is an error, and COLO aborts",
           "08ddb4eb6d [5.0]", "3.1 - 4.2", unsaid=_STATES),
    Report(
        "frozen reads overlap",
        "two reads of the snapshot, or block-status queries, that meet on a part not copied yet abort QEMU",
        '6475155d51 "block/reqlist: allow adding overlapping requests" [9.2; 7.2.15]',
        "7.0 - 9.1",
        Said("two-queries", "assertion", "9.1", "9.2", "snapshot-access"),
    ),
    Report(
        "frozen reads overlap, stable",
        "the same in a stable branch, to which the repair came",
        "6475155d51 as backported [7.2.15]",
        "7.2.0 - 7.2.14",
        Said("two-readers", "assertion", "7.2.14", "7.2.15", "snapshot-access"),
    ),
    Report(
        "ragged discard",
        "a client's discard that ends inside a cluster aborts QEMU",
        "507175197b [9.1]",
        "7.0 - 9.0",
        Said("ragged-discard", "assertion", "9.0", "9.1", "snapshot-access"),
    ),
    Report("timeout overflows", "a cbw-timeout of more than 4 seconds overflows 32 bits", "10b1e09ed3 [9.1]",
           "7.1 - 9.0", unsaid="is arithmetic: the time may be up at any moment"),
)  # fmt: skip

_MIRRORS = (
    Report("D1", "active writes wait for each other", "d44dae1a7c [6.1]", "3.0 - 6.0",
           Said("active-writes-meet", "deadlock", "6.0", "6.1", "mirror")),
    Report("D2", "the repair of D1 asks a request that is none", "66fed30c9c [6.2], CVE-2021-4145", "6.1",
           Said("dirtied-under-copy", "assertion", "6.1", "6.2", "mirror")),
    Report("D3", "a wait for a free slot waits for one that has not started", "ce8cabbd17 [5.0]", "3.0 - 4.2",
           Said("short-of-buffers", "deadlock", "4.2", "5.0", "mirror")),
    Report("L1", "a guest that always has a write under way keeps the job from copying", "d69a879bdf [7.2]",
           "3.0 - 7.1", Said("stream-of-active-writes", "convergence", "7.1", "7.2", "mirror")),
    Report("V1", "a chunk written in part is taken for copied", "9adc1cb49a [4.1], dbdf699cad [4.2]",
           "3.0 - 4.0", Said("small-active-write", "mirror-equal", "4.0", "4.1", "mirror")),
    Report("V2", "the walk over dirty areas mishandles ends inside a chunk", "1eaf1b0fdf [4.0]", "3.0 - 3.1",
           unsaid="is arithmetic on ends inside a chunk, which no design has"),
    Report("V3", "a write that is in the filter when the job begins is lost", "949a156773 (February 2026)",
           "8.0 - 10.2", Said("write-at-start", "mirror-equal", "10.2", "11.0", "mirror")),
    Report("C1, job", "the filter is used before its job is there", "da93d5c84e [7.2]", "up to 7.1",
           Said("write-at-start-background", "assertion", "7.1", "7.2", "mirror")),
    Report("C1, lists", "the filter uses its job before that has its lists", "32125b1460 [8.0]", "up to 7.2",
           Said("write-at-start", "assertion", "7.2", "8.0", "mirror")),
    Report("A1", "a zero write shorter than a chunk aborts QEMU", "4a7b1bd18d (January 2026)", "10.1 - 10.2",
           Said("zeroes-within-a-chunk", "assertion", "10.2", "11.0", "mirror")),
    Report("P1", "the job pauses while it holds the graph lock that who paused it wants", "ae5a40e858 [9.0]",
           "8.2", unsaid="needs the graph lock"),
    Report("Q1", "the job says that it is quiet while it is busy", "5e771752a1 [4.0]", "up to 3.1",
           unsaid="needs a mirror and drained sections together"),
    Report("T1", "a lock is kept across a write to the target", "d12ade5732 [3.1]", "3.0", unsaid=_THREADS),
)  # fmt: skip

_DRAINS = (
    Report("Q-a", "a drained section stops no newcomers", "cf3129323f [4.2]", "up to 4.1",
           Said("drain-among-writes", "progress", "drain-4.1", "drain-4.2")),
    Report("Q-b", "who is queued by a drain is still counted, so that the drain waits for it",
           "7f16476fab, fbb92b6798 [5.0]", "4.2",
           Said("drained-twice", "deadlock", "drain-4.2", "drain-5.0")),
    Report("Q-c", "who is woken at the end of a drain is not counted when the next one looks",
           "8eeaa706ba [10.2]", "4.2 - 10.1",
           Said("drained-twice", "quiet", "drain-5.1", "drain-10.2")),
    Report("Q-d", "a request waits for a reconnection that the drain has paused", "8c517de24a [5.2]",
           "up to 5.1", unsaid="needs the NBD client's reconnection"),
    Report("Q-e", "an export is not waited for", "fd6afc501a, 095cc4d0f6 [6.1]; 9c707525cb [9.0]",
           "up to 8.2", unsaid="needs the NBD server as somebody who is drained"),
    Report("Q-f", "a job is quiet as soon as its end is put off, though that is to come",
           "89bd030533 [3.0], b5a7a05735, 34dc97b9a0 [3.1]", "up to 3.0",
           unsaid="needs a job whose end drains"),
    Report("Q-g", "P1 from the drain's side", "ae5a40e858 [9.0]", "8.2", unsaid="needs the graph lock"),
    Report("Q-h", "an AioContext lock is held across a drain, or taken twice",
           "960d5fb3e8 [6.0], 644f3a29bd [3.1], 0abf258171, eca0f3524a", "up to 5.2", unsaid=_TAKEN_TWICE),
    Report("Q-i", "the node that is drained goes while it is polled", "1e3552dbd2 [7.0]", "up to 6.2",
           unsaid="needs nodes that come and go"),
    Report("Q-j", "a node that is deleted in a drained section never gets its end", "1a6d3bd229 [5.2]",
           "up to 5.1", unsaid="needs nodes that come and go"),
)  # fmt: skip

_NEIGHBOURS = (
    Report("dm-snapshot, read", "Linux: a read of the origin passes an exception under way",
           "a8d41b59f3f5", "before 2.6.27", unsaid=_EXAMPLE),
    Report("dm-snapshot, throttle", "Linux: who throttles copies holds the lock that their end wants",
           "b21555786f18", "5.0 - 5.3", unsaid=_EXAMPLE),
    Report("rbd, clone", "Linux: a read of a clone returns the parent's answer after a flatten",
           "02c74fbad9d4", "before it", unsaid=_EXAMPLE),
)  # fmt: skip

REPORTS: tuple[Report, ...] = (*_BACKUP, *_MIRRORS, *_DRAINS, *_NEIGHBOURS)
