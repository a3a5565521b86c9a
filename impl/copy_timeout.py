"""Block-copy with cbw-timeout (7.1 on): a write waits for its copy so long and no longer.

The copy is made by a call of its own, a thread, which is cancelled when the time is up. Its tasks are not:
they keep what they have registered until they have ended.
Source: block/block-copy.c block_copy, block_copy_call_cancel; util/qemu-co-timeout.c qemu_co_timeout (7.1).
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from cowpath.impl.context import AioContext, Request
from cowpath.impl.copy_pool import PooledCopies
from cowpath.impl.errors import CopyFailed
from cowpath.impl.overlay import Hidden
from cowpath.impl.secondary import Secondary


@dataclass
class _Call:
    """What is known of a call: that it is over, with which error, or that nobody waits for it any more."""

    over: bool = False
    error: BaseException | None = None
    cancelled: bool = False


class TimedCopies(PooledCopies):
    """The engine of 5.1, whose calls may have a timeout, in seconds; 0 is none."""

    def __init__(
        self, context: AioContext, source: Secondary, target: Hidden, cluster: int, timeout: float
    ) -> None:
        super().__init__(context, source, target, cluster)
        self.timeout = timeout
        self.calls: dict[Request, _Call] = {}

    def block_copy(self, request: Request) -> None:
        """Copy what is dirty of the request's clusters, until the time is up.

        A failed copy makes its clusters dirty again: the step is the caller's. Raises CopyFailed.
        """
        if not self.timeout:
            super().block_copy(request)
            return
        called, call, ended = request.call(), _Call(), self.context.condition()
        self.calls[called] = call

        def run() -> None:
            with self.context:
                try:
                    self._run(called)
                except BaseException as error:
                    call.error = error
                    if not isinstance(error, OSError):
                        raise
                finally:
                    self.context.touch(f"the call {called}", None, True)
                    del self.calls[called]
                    call.over = True
                    ended.notify_all()

        self.context.sync.spawn(run, called.name)
        self.context.trace("copy.begin", request)
        ended.wait_for(lambda: call.over, self.timeout)
        self.context.touch(f"the call {called}", None, True)
        if not call.over:
            call.cancelled = True
            raise CopyFailed(OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)), "copy.timeout")
        if isinstance(call.error, OSError):
            raise CopyFailed(call.error, "copy.called") from None
        if call.error is not None:
            raise call.error
        self.context.step("copy.called", request)

    def is_wanted(self, request: Request) -> bool:
        """Tell whether the request is no call that has been cancelled."""
        if request in self.calls:
            self.context.touch(f"the call {request}", None, False)
            return not self.calls[request].cancelled
        return True

    def _run(self, called: Request) -> None:
        """Make the copies of a call; its last step is its end. Raises CopyFailed."""
        try:
            self.copy_all(called)
        except CopyFailed as error:
            self.context.trace(error.step, called)
            raise
        self.context.trace("copy.return" if self.is_wanted(called) else "copy.cancelled", called)
