"""Copy offload: the job has a run of clusters copied by copy_range, in one go (3.0 on).

The run begins at the first cluster that is to be copied. From 3.0 to 4.0 it ends with the write's clusters,
so it takes in those that are done already and have been overwritten since; from 4.1 on it ends before the
next one that is done. Left out: that QEMU gives copy_range up once it has failed, and copies as before then.
Source: block/backup.c backup_cow_with_offload, backup_do_cow (3.0, 4.1); 4a5b91ca02 (4.1).
"""

from __future__ import annotations

from dataclasses import dataclass

from cowpath.model.language.expression import Expr, forall
from cowpath.model.language.system import State, System
from cowpath.model.stack.backup import Backup, next_to_copy
from cowpath.model.stack.part import Parts
from cowpath.model.stack.world import Cluster, Request


@dataclass(frozen=True)
class OffloadedBackup(Backup):
    """The notifier, which may have a run of clusters copied at once. `clips`: to those not done (4.1)."""

    clips: bool = False

    @property
    def options(self) -> tuple[str, ...]:
        """Whether the disks can copy by themselves."""
        return ("copy_offload",)

    def act(self, system: System, parts: Parts) -> None:
        """Add the copy of a run."""
        super().act(system, parts)
        source = "block/backup.c backup_cow_with_offload, " + ("4.1" if self.clips else "3.0")

        @system.action("cow.copy-range", r=Request, k=Cluster, e=Cluster, source=source)
        def copy_range(s: State, r: Expr, k: Expr, e: Expr) -> None:
            """Comes to a cluster not done; has all from it on copied."""
            next_to_copy(s, r, k)
            s.require(s.copy_offload, "copies by copy_range", location=True)
            s.require((k <= e) & (e < s.end[r]) & self._ends(s, r, k, e), "the run's end", location=True)
            s.at[r] = k
            s.upto[r] = e + 1
            s.go(r, "copy-read")

    def one_by_one(self, s: State) -> Expr:
        """Tell whether clusters are copied one at a time."""
        return ~s.copy_offload

    def _ends(self, s: State, r: Expr, k: Expr, e: Expr) -> Expr:
        """Tell whether e is the last cluster of the run that begins at k."""
        if not self.clips:
            return e + 1 == s.end[r]
        dirty = forall(Cluster, lambda j: ((k <= j) & (j <= e)).implies(~s.done[j]))
        return dirty & forall(Cluster, lambda j: ((e + 1 == j) & (j < s.end[r])).implies(s.done[j]))
