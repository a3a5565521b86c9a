"""QEMU 4.1: replication with its ends; it keeps a pointer to its job, and ignores nothing."""

from __future__ import annotations

from cowpath.impl.designs.fleecing_4_1 import Fleecing41
from cowpath.impl.replication import Replication


class Replication41(Replication, Fleecing41):
    """The job that has ended is cancelled once more; what comes after the end is an error."""

    name = "replication-4.1"
    forgets_job = False
    ignores = False
