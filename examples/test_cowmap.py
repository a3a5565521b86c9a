"""`pytest test_cowmap.py`: two writers and a reader of the snapshot, under a thousand schedules."""

import threading

import cowmap
import pytest

from cowpath.conformance import schedules


def race(make):
    """Have two write the same key while a third reads the snapshot; return the map, and what was read."""
    pages, seen = make({"page": "old"}), []
    threads = [
        threading.Thread(target=pages.write, args=("page", "new 1"), name="writer 1"),
        threading.Thread(target=pages.write, args=("page", "new 2"), name="writer 2"),
        threading.Thread(target=lambda: seen.append(pages.read_snapshot("page")), name="reader"),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return pages, seen[0]


@pytest.mark.parametrize("make", [cowmap.CopyOnWriteMap, cowmap.Mended])
@schedules(1000, modules=[cowmap])
def test_the_snapshot_is_what_was_there(make):
    _, seen = race(make)
    assert seen == "old"


@schedules(1000, modules=[cowmap])
def test_writes_are_kept():
    pages, _ = race(cowmap.Mended)
    assert pages.data["page"] in ("new 1", "new 2")
    assert pages.saved == {"page": "old"}
