"""Drained sections of QEMU 5.0, on the stack of 5.0: who is woken counts itself, later."""

from cowpath.model.designs.block_copy_5_0 import DESIGN as BLOCK_COPY_5_0
from cowpath.model.designs.drain_4_1 import LEVELS
from cowpath.model.language.claim import claim
from cowpath.model.stack.drain import Drain
from cowpath.model.stack.world import DRAINS, Request

ONE_SECTION = claim("at most one request drains, and once", Request, Request)(
    lambda s, r, d: (DRAINS.holds(s, r) & DRAINS.holds(s, d)).implies((r == d) & ~s.stream[r])
)
UNQUEUED = claim("a job's own requests are not queued")(lambda s: ~s.job_requests_queue)

DESIGN = BLOCK_COPY_5_0.changed(
    "drain-5.0",
    Drain(wakes_counted=False),
    order=(*LEVELS, *BLOCK_COPY_5_0.order),
    scope=(*BLOCK_COPY_5_0.scope, UNQUEUED, ONE_SECTION),
    theorems=("snapshot", "quiet"),
    era="QEMU 5.0, drained sections",
    explanation=(
        "Who is queued is not counted, and counts itself when it runs again after the end of the section. A "
        "second section that begins in between does not see it, and it runs inside that one: at a checkpoint "
        "it writes in the new epoch uncopied. That needs a request in another thread than who ends the "
        "section; in one thread it runs, and counts, as soon as it is woken. A job's own "
        "requests are not queued, else a busy job would wait for the section that waits for it. "
        "Undetermined: whether runs end where checkpoints are not quiesced."
    ),
    sources=(
        '7f16476fab "block: Fix blk->in_flight during blk_wait_while_drained()", 5.0',
        "8eeaa706ba (10.2) for what is wrong with it",
    ),
)
