"""What every scenario's tables satisfy, and what theorems may be restricted to.

`GIVEN` are the only facts about extents and alignments that proofs rest on. Each is tested on every bundled
scenario; the geometry's own text is the reason for each.
"""

from __future__ import annotations

from collections.abc import Collection

from cowpath.model.language.claim import Claim, claim
from cowpath.model.stack import protocol
from cowpath.model.stack.world import ENDS, Request, Sector, is_kind, is_write, own

GIVEN = (
    claim("a request of data touches a cluster", Request)(
        lambda s, r: is_kind(s, r, "checkpoint", *ENDS, "drain") | (s.first[r] < s.end[r])
    ),
    claim("a request of data ends behind its last cluster", Request)(
        lambda s, r: (s.first[r] < s.end[r]).implies(s.last[r] + 1 == s.end[r])
    ),
    claim("what a request covers lies in its clusters", Request, Sector)(
        lambda s, r, x: s.covers[r, x].implies(own(s, r, s.cluster_of[x]))
    ),
    claim("what a request reads lies in its clusters", Request, Sector)(
        lambda s, r, x: s.reads[r, x].implies(own(s, r, s.cluster_of[x]))
    ),
    claim("only guest writes read behind their data, in their last cluster", Request, Sector)(
        lambda s, r, x: s.tail[r, x].implies(is_kind(s, r, "guest-write") & (s.cluster_of[x] == s.last[r]))
    ),
    claim("only guest requests read through the chain", Request, Sector)(
        lambda s, r, x: s.reads[r, x].implies(is_kind(s, r, "guest-read", "guest-write"))
    ),
    claim("a guest read reads what it covers", Request, Sector)(
        lambda s, r, x: (is_kind(s, r, "guest-read") & s.reads[r, x]).implies(s.covers[r, x])
    ),
    claim("blocks contain what they are blocks of", Request, Sector)(
        lambda s, r, x: (s.covers[r, x] & ~is_kind(s, r, "guest-write")).implies(s.wide[r, x])
    ),
    claim("an aligned write is not widened", Request, Sector)(
        lambda s, r, x: (is_write(s, r) & ~s.unaligned[r] & s.wide[r, x]).implies(s.covers[r, x])
    ),
    claim("blocks of the protocol node contain what reaches it", Request, Sector)(
        lambda s, r, x: protocol.reaches_protocol(s, r, x).implies(s.protocol_wide[r, x])
    ),
    claim("only writes are unaligned", Request)(
        lambda s, r: (s.unaligned[r] | s.protocol_unaligned[r]).implies(is_write(s, r))
    ),
    claim("the protocol node serialises where a request is unaligned there", Request)(
        lambda s, r: s.protocol_unaligned[r].implies(s.protocol_serialises)
    ),
    claim("only unaligned writes have several pieces", Request)(
        lambda s, r: (s.parts[r] == 1) | (s.unaligned[r] & (s.parts[r] > 1))
    ),
    claim("a sector lies in one of its request's pieces", Request, Sector)(
        lambda s, r, x: s.part[r, x] < s.parts[r]
    ),
)

ALIGNED = claim("every write is aligned to the notifier's node", Request)(lambda s, r: ~s.unaligned[r])
NO_COPY_ON_READ = claim("the secondary disk does not copy on read")(lambda s: ~s.copy_on_read)
NO_OFFLOAD = claim("the job copies cluster by cluster")(lambda s: ~s.copy_offload)
IN_CHAIN = claim("the job's source is a node of its target's chain")(lambda s: ~s.source_outside_chain)
QUIESCED = claim("checkpoints are made while nothing is in flight")(lambda s: s.quiesced_checkpoint)

FINITE = claim("no request is of a stream", Request)(lambda s, r: ~s.stream[r])
NO_SOURCE_DISCARD = claim("nobody discards on the source", Request)(
    lambda s, r: ~is_kind(s, r, "source-discard")
)
NO_DISCARD = claim("no client discards", Request)(lambda s, r: ~is_kind(s, r, "client-discard"))
KEEPS_SOURCE = claim("nobody discards what he has read")(lambda s: ~s.discard_source)

BREAKS_THE_WRITE = claim("a copy that fails breaks the write, not the snapshot")(lambda s: ~s.break_snapshot)


def of_kinds(kinds: Collection[str]) -> Claim:
    """Say that requests are of kinds that a design has a place for; all others fit none of its scenarios."""
    return claim(f"requests are of kind {', '.join(kinds)}", Request)(lambda s, r: is_kind(s, r, *kinds))
