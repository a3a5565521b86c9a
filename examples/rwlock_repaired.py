"""The lock of rwlock.py that lets in who reads already, as a model; and its threads, held against it."""

import rwlock
from rwlock_model import build, watch

from cowpath import Design
from cowpath.conformance import schedules

DESIGN = Design("rwlock-repaired", build=lambda: build("rwlock-repaired", lambda s, u: s.is_at(u, "reading")))


@schedules(1000, modules=[rwlock], model=watch(DESIGN))
def test_threads():
    rwlock.use(rwlock.Reentrant)
