"""Which design stands for which release of QEMU, in each role; and what changed at each border.

A line is added where a design is, or where a release does what no design here says. A commit is named by its
number upstream, with its subject or what it does; the number in brackets is the first release that has it.
"""

from __future__ import annotations

from cowpath.model.designs.release import Era, Role

_NOTIFIER = 'ec050f77a5 "block: process before_write_notifiers in bdrv_co_discard" [2.7]'
_FAIR = (
    "a7b91d35ba [2.9]: the rwlock is fair, a waiting writer keeps new readers out; none comes, for the job's "
    "end removes the notifier before it waits"
)
_BYTES = "f6ac207893, 03f5d60bbf [2.10]: bytes where there were sectors; a write may end inside a sector"
_ONE_READ = "perform_cow [2.10]: a small guest write reads what lies before and behind it in one read"
_BITS_FIRST = (
    "a193b0f0a8 [2.12]: a cluster's bit is changed before its copy, and back if that fails; CowRequests keep "
    "writers from looking in between"
)
_SERIALISED = 'f8d59dfb40 "block/backup: fix fleecing scheme: use serialized writes" [3.0]'
_OFFLOAD = "backup_cow_with_offload [3.0]: the job copies by copy_range where the disks can"
_FLAG = '09d2f94846 "block/io: introduce BDRV_REQ_SERIALISING" [3.0]'
_OFFLOAD_CLIPPED = (
    "4a5b91ca02 [4.1]: a copy by copy_range ends with the run of clusters that are to be copied"
)
_FILTER = '00e30f05de "block/backup: use backup-top instead of write notifiers" [4.2]'
_LOCKS_LESS = '5332e5d210 "block/block-copy: refactor interfaces to use bytes instead of end" [5.0]'
_DRAINED_END = "503ca1262b [5.0]: the filter is drained before block-copy's state is freed"
_PARALLEL = "4ce5dd3e9b [5.1]: the chunks of one call are copied by tasks at the same time"
_SAME_ENGINE = "71eed4cebe [6.0]: the job's own copies are made by the same engine"
_NO_ASSERTION = "2e36da62cf [6.0]: a serialising write may wait again after its read-modify-write reads"
_LAST_LOOK = "d0c389d2ce [6.1]: block-copy's last look at list and bitmap is one critical section"
_LARGE_CLUSTERS = (
    "9484ad6c17, 6252deb244 [9.2]: min-cluster-size; a cluster may be larger than the memory for copies"
)
_PUBLIC = "d003e0aece, 751cec7a26 [6.2]: the filter is called copy-before-write, and is public"

_NOT_FIRST = "a bit that is changed before the copy, which only a checkpoint in between would see"
_NO_RUNS = (
    "that mapped and new clusters of a guest write may be written together, from 4.2 on by tasks "
    "(replication-5.1-tasks)"
)
_ONLY_RUN = "[11.0]: its source, and that of 11.1, was not read; 11.1.3 was run, and judged by this design"
_NO_BUDGET = "waits for block-copy's memory and for a free task (block-copy-5.1-scarce)"
_NO_TRIM = "discards on the source"
_NO_THREADS = "the graph lock and iothreads"
_NO_COMMIT = "the commit at a failover"
_ONE_THREAD = (
    "requests in a thread of their own, which up to 10.1 the drained section after the one that woke them "
    "may miss (drain-5.0, drain-5.1)"
)

_REPLICATION = Role(
    "replication",
    "the secondary of COLO's block replication: guest reads and writes through active and hidden disk",
    (
        Era(
            (2, 6),
            "unserialised-2.6",
            (
                "no release has the driver yet: the patches of 2015 and 2016, on the RFC's tree; with the "
                "RFC's patch it is rfc-2016-2.6",
            ),
        ),
        Era((2, 7), "unserialised-2.7", (_NOTIFIER,)),
        Era(
            (2, 8),
            "merged-2.8",
            (
                'a8bbee0edf "Backup: export interfaces for extra serialization" [2.8]',
                '29ff789060 "replication: Implement new driver for block replication" [2.8]',
            ),
            (_NO_TRIM, _NO_COMMIT, _NO_RUNS),
        ),
        Era((2, 9), "merged-2.8", (_FAIR,), (_NO_TRIM, _NO_COMMIT, _NO_RUNS)),
        Era((2, 10), "merged-2.10", (_BYTES, _ONE_READ), (_NO_TRIM, _NO_COMMIT, _NO_RUNS)),
        Era(
            (2, 12),
            "merged-2.10",
            (_BITS_FIRST, "1a63a90750 [2.12]: the reopening at the job's end drains, whatever flags change"),
            (_NOT_FIRST, _NO_TRIM, _NO_COMMIT, _NO_RUNS),
        ),
        Era(
            (3, 0),
            "merged-3.0",
            (_SERIALISED, _FLAG, "beside the CowRequests, which replication still takes"),
            (_NOT_FIRST, _NO_TRIM, _NO_COMMIT, _NO_RUNS),
        ),
        Era(
            (4, 0),
            "fleecing-4.0",
            (
                'e4f9752c4a "block/replication: drop extra synchronization" [4.0]',
                '3a75187fd8 "block/backup: drop unused synchronization interface" [4.0]',
            ),
            (_NOT_FIRST, _NO_TRIM, _NO_COMMIT, _NO_RUNS),
        ),
        Era(
            (4, 1),
            "replication-4.1",
            (_OFFLOAD_CLIPPED, "replication keeps a pointer to its job [4.1]"),
            (_NOT_FIRST, _NO_COMMIT, _NO_RUNS),
        ),
        Era(
            (4, 2),
            "replication-4.2",
            (_FILTER,),
            (_NO_BUDGET, _NO_TRIM, _NO_COMMIT, "drained sections (drain-4.2)", _NO_RUNS),
        ),
        Era(
            (5, 0),
            "replication-5.0",
            (
                _LOCKS_LESS,
                _DRAINED_END,
                "08ddb4eb6d [5.0]: a second stop, or a checkpoint after a failover, is ignored",
            ),
            (_NO_BUDGET, _NO_TRIM, _ONE_THREAD, _NO_RUNS),
        ),
        Era(
            (5, 1),
            "replication-5.1",
            (_PARALLEL, "e140f4b7b8 [5.1]: closing does not cancel the job twice"),
            (_NO_BUDGET, _NO_TRIM, _ONE_THREAD, _NO_RUNS),
        ),
        Era(
            (6, 0),
            "replication-5.1",
            (
                _SAME_ENGINE,
                _NO_ASSERTION,
                "bdc4c4c5e3, 705dde27c6 [6.0]: the job drops its reference to the filter",
            ),
            ("that the assertion is gone: no design here reaches it", _NO_BUDGET, _NO_TRIM, _NO_RUNS),
        ),
        Era(
            (6, 1),
            "replication-5.1",
            (
                _LAST_LOOK,
                "3b78420bb1 [6.1]: replication has child links of its own to hidden and secondary disk",
            ),
            (_NO_BUDGET, _NO_TRIM, _ONE_THREAD, _NO_RUNS),
        ),
        Era((6, 2), "replication-5.1", (_PUBLIC,), (_NO_BUDGET, _NO_TRIM, _ONE_THREAD, _NO_RUNS)),
        Era(
            (8, 0),
            "replication-5.1",
            ("d22933acd2 [8.0]: the completion callback drains each node",),
            (_NO_BUDGET, _NO_TRIM, _NO_THREADS, _ONE_THREAD, _NO_RUNS),
        ),
        Era(
            (10, 1),
            "replication-5.1",
            ("starting replication is one drained section that changes the graph [10.1]",),
            (_NO_BUDGET, _NO_TRIM, _NO_THREADS, _ONE_THREAD, _NO_RUNS),
        ),
        Era(
            (10, 2),
            "replication-5.1",
            ("8eeaa706ba [10.2]: who ends a drained section counts those whom it wakes, of any thread",),
            (_NO_BUDGET, _NO_TRIM, _NO_THREADS, _NO_RUNS),
        ),
        Era((11, 0), "replication-5.1", (_ONLY_RUN,), (_NO_BUDGET, _NO_TRIM, _NO_THREADS, _NO_RUNS)),
    ),
)

_FLEECING = Role(
    "fleecing",
    "blockdev-backup sync=none into an overlay of the source, which a client reads",
    (
        Era(
            (2, 6),
            "unserialised-2.6",
            ("a backup with sync=none to an overlay of its source; nothing protects who reads that",),
        ),
        Era((2, 7), "unserialised-2.7", (_NOTIFIER,)),
        Era((2, 9), "unserialised-2.7", (_FAIR,)),
        Era((2, 12), "unserialised-2.7", (_BITS_FIRST,)),
        Era(
            (3, 0),
            "fleecing-4.0",
            (_SERIALISED, _FLAG, _OFFLOAD),
            (_NO_TRIM,),
        ),
        Era((4, 1), "fleecing-4.1", (_OFFLOAD_CLIPPED,)),
        Era((4, 2), "block-copy-4.2", (_FILTER,), (_NO_BUDGET, _NO_TRIM)),
        Era((5, 0), "block-copy-5.0", (_LOCKS_LESS, _DRAINED_END), (_NO_BUDGET, _NO_TRIM)),
        Era((5, 1), "block-copy-5.1", (_PARALLEL,), (_NO_BUDGET, _NO_TRIM)),
        Era((6, 0), "block-copy-5.1", (_SAME_ENGINE, _NO_ASSERTION), (_NO_BUDGET, _NO_TRIM)),
        Era((6, 1), "block-copy-5.1", (_LAST_LOOK,), (_NO_BUDGET, _NO_TRIM)),
        Era((6, 2), "block-copy-5.1", (_PUBLIC,), (_NO_BUDGET, _NO_TRIM)),
        Era((9, 2), "block-copy-5.1", (_LARGE_CLUSTERS,), (_NO_BUDGET, _NO_TRIM)),
        Era(
            (10, 1),
            "block-copy-10.1",
            ("3d3911f16b [10.1]: blockdev-backup has on-cbw-error, of which no reader of an overlay knows",),
            (_NO_BUDGET, _NO_TRIM),
        ),
        Era((11, 0), "block-copy-10.1", (_ONLY_RUN,), (_NO_BUDGET, _NO_TRIM)),
    ),
    without=("guest-write", "checkpoint"),
)

_SNAPSHOT_ACCESS = Role(
    "snapshot-access",
    "a copy-before-write filter over the source, read through a snapshot-access node",
    (
        Era(
            (7, 0),
            "copy-before-write-7.0",
            (
                'af5bcd775f "block: copy-before-write: realize snapshot-access API" [7.0]',
                "5f3a3cd7f0 [7.0]: the option bitmap narrows what is copied and may be read",
            ),
            (_NO_BUDGET, _NO_TRIM),
        ),
        Era(
            (7, 1),
            "copy-before-write-7.1",
            (
                "f1bb39a8a5 [7.1]: on-cbw-error, break-guest-write or break-snapshot",
                "6db7fd1ca9, 15df6e6987 [7.1]: cbw-timeout, after which a write waits for its copy no longer",
            ),
            (_NO_BUDGET, _NO_TRIM),
        ),
        Era(
            (7, 2, 15),
            "copy-before-write-7.2.15",
            ("6475155d51 as backported: frozen reads may overlap; Debian's 7.2.22 has it",),
            (_NO_BUDGET, _NO_TRIM),
        ),
        Era(
            (8, 0),
            "copy-before-write-7.1",
            ("the iothread and graph-lock work of 8.x, which one thread does not see",),
            (_NO_BUDGET, _NO_TRIM, "backports to 8.x"),
        ),
        Era(
            (9, 1),
            "copy-before-write-9.1",
            (
                "507175197b [9.1]: a client's discard is rounded inwards, to whole clusters",
                "0fd05c8d80 [9.1]: discard-source of a backup that reads the snapshot",
                "10b1e09ed3 [9.1]: a cbw-timeout above 4 s no longer overflows",
            ),
            (_NO_BUDGET, _NO_TRIM),
        ),
        Era(
            (9, 2),
            "copy-before-write-9.2",
            (
                '6475155d51 "block/reqlist: allow adding overlapping requests" [9.2]',
                _LARGE_CLUSTERS,
            ),
            (_NO_BUDGET, _NO_TRIM),
        ),
        Era((11, 0), "copy-before-write-9.2", (_ONLY_RUN,), (_NO_BUDGET, _NO_TRIM)),
    ),
)

_NO_RANGES = "ranges that end inside a chunk, as the walk over dirty areas takes them"
_NO_ZEROING = "the zeroes that a new target of sync=full is filled with first"
_NO_PARKED_LOCK = "the graph lock"

_MIRROR = Role(
    "mirror",
    "blockdev-mirror: a source that is written meanwhile, and a target that is to be the same",
    (
        Era(
            (3, 0),
            "mirror-3.0",
            ('d06107ade0 "block/mirror: Add active mirroring" [3.0]',),
            (_NO_RANGES,),
        ),
        Era((4, 0), "mirror-3.0", ("1eaf1b0fdf [4.0]: a walk over dirty areas ends where it should",)),
        Era(
            (4, 1),
            "mirror-4.2",
            ("9adc1cb49a [4.1]: in write-blocking mode the filter takes whole chunks only",),
            ("a small write's read-modify-write of its chunk",),
        ),
        Era(
            (4, 2),
            "mirror-4.2",
            (
                'dbdf699cad "block/mirror: simplify do_sync_target_write" [4.2]',
                '994b44ab20 "Revert mirror: Only mirror granularity-aligned chunks" [4.2]',
            ),
        ),
        Era((5, 0), "mirror-5.0", ('ce8cabbd17 "mirror: Wait only for in-flight operations" [5.0]',)),
        Era(
            (6, 1),
            "mirror-6.1",
            ('d44dae1a7c "block/mirror: fix active mirror dead-lock in mirror_wait_on_conflicts" [6.1]',),
        ),
        Era(
            (6, 2),
            "mirror-6.2",
            ('66fed30c9c "block/mirror: fix NULL pointer dereference in mirror_wait_on_conflicts()" [6.2]',),
        ),
        Era(
            (7, 2),
            "mirror-7.2",
            (
                'd69a879bdf "block/mirror: Do not wait for active writes" [7.2]',
                'da93d5c84e "block/mirror: Fix NULL s->job in active writes" [7.2]',
            ),
        ),
        Era(
            (8, 0),
            "mirror-8.0",
            ('32125b1460 "mirror: Do not dereference invalid pointers" [8.0]',),
        ),
        Era(
            (8, 2),
            "mirror-8.2",
            (
                '058cfca564 "block/mirror: move dirty bitmap to filter" [8.2]',
                '7b32ad2242 "block/mirror: determine copy_to_target only once" [8.2]',
                'c45d0e1af0 "block/mirror: set actively_synced even after the job is ready" [8.2]',
            ),
            (_NO_PARKED_LOCK,),
        ),
        Era(
            (10, 1),
            "mirror-10.1",
            ('7e277545b9 "mirror: Skip writing zeroes when target is already zero" [10.1]',),
            (_NO_ZEROING,),
        ),
        Era(
            (11, 0),
            "mirror-11.0",
            (
                "4a7b1bd18d [January 2026]: zeroes that touch no end of a chunk set no bit",
                "949a156773 [February 2026]: what comes before the job has its lists is marked, too",
                _ONLY_RUN,
            ),
            (_NO_ZEROING,),
        ),
    ),
)

ROLES: tuple[Role, ...] = (_REPLICATION, _FLEECING, _SNAPSHOT_ACCESS, _MIRROR)
