"""Scenarios for a real QEMU: scaled to its copy unit; and why a stack cannot run one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from cowpath.conformance.qemu.nodes import Options
from cowpath.conformance.qemu.stacks import FAULTS, WRITES, Stack
from cowpath.model.designs import Design
from cowpath.model.scenarios import Scenario
from cowpath.model.scenarios.mirror import Mirror
from cowpath.model.scenarios.scenario import Request
from cowpath.model.scenarios.vocabulary import MIRROR_FAULTS

_LARGEST_BLOCK = 1 << 16  # bytes; QEMU's NBD client takes no larger minimum block


@dataclass(frozen=True)
class Fitted:
    """A scenario with sizes that QEMU has, and the options that give the stack its alignments.

    `scenario` is what the oracle judges by.
    """

    scenario: Scenario
    options: Options


def fit(scenario: Scenario, stack: Stack, design: Design, options: Options) -> Fitted | str:
    """Return the scenario as the stack runs it, or in words why it cannot."""
    unfit = next(_amiss(scenario, stack, design, options), None)
    if unfit is not None:
        return unfit
    unit = options.cluster if scenario.mirror is None else options.granularity
    factor, rest = divmod(unit, scenario.cluster)
    if rest and scenario.mirror is not None:
        return f"its chunk of {scenario.cluster} bytes does not divide the granularity of {unit}"
    if rest:
        return f"its cluster of {scenario.cluster} bytes does not divide QEMU's of {unit}"

    def scaled(request: Request) -> Request:
        if request.offset is None or request.length is None:
            return request
        return replace(request, offset=request.offset * factor, length=request.length * factor)

    requests = tuple(map(scaled, scenario.requests))

    def needed(alignment: int) -> int:
        """Return the alignment; 1 if no request is unaligned there: then it makes no difference."""
        extents = [(r.offset, r.length) for r in requests if r.offset is not None and r.length is not None]
        aligned = all(offset % alignment == length % alignment == 0 for offset, length in extents)
        return 1 if aligned else alignment

    top, below = scenario.request_alignment * factor, scenario.protocol_alignment * factor
    real_top, real_below = needed(top), needed(below) if below > top else 1
    if max(real_top, real_below) > _LARGEST_BLOCK:
        return f"an alignment of {max(real_top, real_below)} bytes is more than QEMU's NBD client takes"
    fitted = replace(
        scenario,
        size=scenario.size * factor,
        cluster=unit,
        request_alignment=top,
        protocol_alignment=below,
        requests=requests,
        in_bytes=True,
        expect={},
    )
    if scenario.mirror is not None:
        return _of_mirror(fitted, scenario.mirror, factor, options)
    return Fitted(
        fitted,
        replace(
            options,
            request_alignment=real_top,
            protocol_alignment=real_below,
            on_cbw_error="break-snapshot" if scenario.option("on_cbw_error") else "break-guest-write",
            discards=options.discards or any(r.kind == "client-discard" for r in requests),
        ),
    )


def _of_mirror(scenario: Scenario, job: Mirror, factor: int, options: Options) -> Fitted | str:
    """Return the scenario with its job as it is run: what the user has chosen goes before what it says."""
    named = options.backing != "none"
    backing = options.backing if named else job.backing
    cluster = options.cluster if options.target == "qcow2" else job.target_cluster * factor
    if backing == "none" and cluster <= scenario.cluster:
        cluster = scenario.cluster
    if backing == "name-only" and cluster < scenario.cluster:
        return "no model has a target that is filled in clusters smaller than a chunk"
    dirty = tuple((start * factor, end * factor) for start, end in job.dirty)
    job = replace(
        job,
        dirty=dirty,
        target_cluster=cluster if backing != "none" else scenario.cluster,
        backing=backing,
        copy_mode=options.copy_mode or job.copy_mode,
    )
    at_start, all_of_it = scenario.option("requests_at_start"), ((0, scenario.size),)
    if options.sync == "full" and dirty != all_of_it and not at_start:
        return "with sync=full all is to be copied, and of this disk only a part is"
    if options.sync == "none" and dirty:
        return "with sync=none nothing is to be copied, and of this disk something is"
    if at_start and (options.target != "raw" or backing != "none" or options.sync not in ("", "full")):
        return "requests that meet the job's start need sync=full and a raw target without a backing"
    if at_start and any(request.kind == "guest-zero" for request in scenario.requests):
        return "where requests meet the job's start, zeroes are what nobody has written"
    torn = _torn(scenario) if dirty != all_of_it and job.copy_mode == "background" else None
    if torn is not None:
        return (
            f"an overlay takes zeroes that end inside a cluster in pieces, and {torn.label} meets another's"
        )
    target = "raw" if options.target == "raw" and backing == "none" else "qcow2"
    chosen = replace(
        options,
        target=target,
        cluster=cluster,
        backing=backing,
        size=scenario.size,
        dirty=dirty,
        copy_mode=job.copy_mode,
        buffers=job.buffers,
        at_start=at_start,
        discards=options.discards or at_start,
    )
    return Fitted(replace(scenario, mirror=job), chosen)


def _torn(scenario: Scenario) -> Request | None:
    """Return zeroes that end inside a cluster of the source, and meet another request; None if none do.

    Source: block/io.c bdrv_co_do_pwrite_zeroes. In the models each request is written in one step.
    """
    writes = [r for r in scenario.requests if r.offset is not None and r.length is not None]
    for one in writes:
        ragged = (one.offset or 0) % scenario.cluster or (one.length or 0) % scenario.cluster
        if one.kind == "guest-zero" and ragged and any(o is not one and _meet(o, one) for o in writes):
            return one
    return None


def _meet(one: Request, other: Request) -> bool:
    (a, b), (c, d) = (((r.offset or 0), (r.offset or 0) + (r.length or 0)) for r in (one, other))
    return a < d and c < b


def _amiss(scenario: Scenario, stack: Stack, design: Design, options: Options) -> Iterator[str]:
    if (scenario.mirror is not None) != (stack.name == "mirror"):
        yield "it has a [mirror]" if scenario.mirror else "it has no [mirror]"
        return
    missing = design.unsupported(scenario)
    if missing is not None:
        yield f"{design.name} has no {missing}"
    for request in scenario.requests:
        if request.stream:
            yield "a stream of requests has no end"
        if request.kind == "guest-discard":
            yield "QEMU's filter lets no discard through while the job is there: it reaches neither disk"
        elif request.kind not in stack.kinds:
            yield f"the stack has no {request.kind}"
        if request.fault != "none" and request.kind == "guest-zero":
            yield f"the zeroes of {request.label}, which fails, do not say whose they are"
        if request.fault not in ("none", *FAULTS, *MIRROR_FAULTS):
            yield f"the gate cannot have a {request.fault} strike {request.label}"
    if scenario.copy_on_read:
        yield "copy-on-read moves data in QEMU's own time, not in requests of the scenario"
    if scenario.option("on_cbw_error") and stack.name != "cbw":
        yield "the stack has no on-cbw-error"
    if scenario.option("zeroes"):
        yield "the disks of the stack hold data, and say so"
    if scenario.option("bitmap"):
        yield "the filter of the stack has no bitmap"
    if scenario.option("scarce_copies"):
        yield "memory and tasks are as many as QEMU has"
    if scenario.option("discard_source"):
        yield "the stack reads the snapshot itself, and no job of its own does"
    if scenario.option("cbw_timeout"):
        yield "no gate can tell when the time of its cbw_timeout is up; --cbw-timeout gives any scenario one"
    if scenario.size % scenario.cluster:
        yield "its last cluster is cut short, and a window in a long disk has none such"
    yield from _indistinct(scenario)


def _indistinct(scenario: Scenario) -> Iterator[str]:
    """Say whose copy is to fail, if at the disks it looks like another's that is not."""
    copying = [r for r in scenario.requests if r.kind in WRITES]
    for number, one in enumerate(scenario.requests):
        if one.fault == "none":
            continue
        if one.fault == "data-write" and one.kind == "nbd-zero":
            yield f"the zeroes of {one.label}, which fails, do not say whose they are"
        if one.fault == "data-write":
            continue
        for other in scenario.requests:
            alike = other.kind in WRITES and other.fault != one.fault
            if other is not scenario.requests[number] and alike and _share_a_cluster(scenario, one, other):
                yield f"at the disks the copies of {one.label}, which fail, look like those of {other.label}"
    reads = [r for r in scenario.requests if r.kind == "guest-read"]
    blocks = max(scenario.request_alignment, scenario.protocol_alignment)
    if blocks >= scenario.cluster and any(r.fault == "cbw-read" for r in copying):
        yield "at the disks the copy that fails may look like the read of a read-modify-write"
    for one in copying:
        if one.fault == "cbw-read" and any(_share_a_cluster(scenario, one, other) for other in reads):
            yield f"at the disks the copy of {one.label}, which fails, may look like a guest's read"


def _share_a_cluster(scenario: Scenario, one: Request, other: Request) -> bool:
    (a, b), (c, d) = (_clusters(scenario, each) for each in (one, other))
    return a < d and c < b


def _clusters(scenario: Scenario, request: Request) -> tuple[int, int]:
    start, length = request.offset or 0, request.length or 0
    return start // scenario.cluster, -(-(start + length) // scenario.cluster)
