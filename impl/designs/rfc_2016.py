"""The RFC of 18 May 2016: the reader takes a CowRequest in the job's list around its read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cowpath.impl.context import Request
from cowpath.impl.designs.unserialised import Unserialised
from cowpath.impl.reqlist import Entry


class Rfc2016(Unserialised):
    """A guest's read as in the RFC's sketch, xxx_co_readv."""

    name = "rfc-2016"

    def _guest_read(self, request: Request) -> bytes:
        with self._ending(request, "read"), self._admitted(request, "read"):
            return self.active.read(request)

    @contextmanager
    def _admitted(self, request: Request, verb: str) -> Iterator[None]:
        """Hold a CowRequest, if there is a job."""
        cow_request = self._admit(request, verb)
        try:
            yield
        finally:
            if cow_request is not None:
                self.job.cow_request_end(cow_request)

    def _admit(self, request: Request, verb: str) -> Entry | None:
        """Take a CowRequest over the clusters that the request touches, if there is a job."""
        if self.freed:
            self.context.step(f"{verb}.unprotected", request)
            return None
        clusters = self.job.clusters(request)
        self.job.wait_for_overlapping_requests(request, clusters, f"{verb}.wait")
        self._check_after_wait()
        cow_request = self.job.cow_request_begin(request, clusters)
        self.context.step(f"{verb}.begin", request)
        return cow_request

    def _check_after_wait(self) -> None:
        """The sketch fetches the job once, and uses it after the wait whether it is still there or not."""
        self.job.alive("the CowRequest list")
