"""The buffer of buffer.py with two conditions, as a model; and its threads, held against it."""

import buffer
from buffer_model import Item, build, watch

from cowpath import Design, nobody
from cowpath.conformance import schedules


def listens(s, q, r):
    """Tell whether q waits, and of q and r one puts and the other gets."""
    return s.is_at(q, "waiting") & ((s.puts[q] == nobody(Item)) != (s.puts[r] == nobody(Item)))


DESIGN = Design("buffer-repaired", build=lambda: build("buffer-repaired", listens))


@schedules(1000, modules=[buffer], model=watch(DESIGN, buffer.TwoConditions, "room", "item"))
def test_threads():
    buffer.use(buffer.TwoConditions)
