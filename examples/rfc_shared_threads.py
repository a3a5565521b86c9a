"""The threads of rfc_shared.py: one method of the job that says who excludes whom.

cowpath conform examples/rfc_shared_threads.py --scenario race --scenario two-readers --strategy tours
"""

from rfc_shared import DESIGN

from cowpath.impl.backup import BackupJob
from cowpath.impl.designs.rfc_2016 import Rfc2016

__all__ = ["DESIGN", "THREADS"]


class SharedJob(BackupJob):
    """A job whose readers do not exclude each other; who copies is a write, which has data or zeroes."""

    def excludes(self, request, other):
        """Tell whether one of the two copies."""
        return not (request.reads and other.reads)


class THREADS(Rfc2016):
    """The RFC's threads with that job."""

    name = "rfc-shared"
    job_class = SharedJob
