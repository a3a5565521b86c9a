"""QEMU 2.6 and 2.7, with discards on the source: the first release that tells the notifier of them is 2.7.

Source: block/io.c bdrv_co_discard (2.6); ec050f77a5 (2.7).
"""

from __future__ import annotations

from cowpath.impl.context import Request
from cowpath.impl.design import Flight
from cowpath.impl.designs.rfc_2016 import Rfc2016
from cowpath.impl.designs.unserialised import Unserialised


class Unserialised26(Unserialised):
    """A discard goes straight to the secondary's node."""

    name = "unserialised-2.6"

    def source_discard(self, request: Request) -> None:
        """Discard the request's extent. Raises OSError."""
        with Flight(self, request):
            self.secondary.discard(request, None)


class Unserialised27(Unserialised):
    """A discard runs the notifier; it waits for nobody in the node."""

    name = "unserialised-2.7"

    def source_discard(self, request: Request) -> None:
        """Discard the request's extent, once it is copied. Raises OSError."""
        with Flight(self, request):
            self.secondary.discard(request, self.job.before_write_notify)


class Rfc26(Rfc2016):
    """The RFC, on the tree of 2.6."""

    name = "rfc-2016-2.6"

    def source_discard(self, request: Request) -> None:
        """Discard the request's extent. Raises OSError."""
        with Flight(self, request):
            self.secondary.discard(request, None)


class Rfc27(Rfc2016):
    """The RFC, on the tree of 2.7: a discard runs the notifier."""

    name = "rfc-2016-2.7"

    def source_discard(self, request: Request) -> None:
        """Discard the request's extent, once it is copied. Raises OSError."""
        with Flight(self, request):
            self.secondary.discard(request, self.job.before_write_notify)
