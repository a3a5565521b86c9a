"""The `[mirror]` table of a scenario: a mirror job of which the requests are a guest's, and the user's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cowpath.model.language.errors import shown
from cowpath.model.scenarios.document import Where, choice, extents, table_of

COPY_MODES = ("write-blocking", "background")
"""QEMU's words for whether a guest's writes are copied to the target before they return."""
BACKINGS = ("none", "open", "name-only")
"""What the target has behind it: nothing; the source's base, opened; or its name only, until the job ends."""
MOST_BUFFERS = 16
"""Chunks of buffer that a scenario may give the job."""

_KEYS = ("copy_mode", "dirty", "buffers", "target_cluster", "backing")


@dataclass(frozen=True)
class Mirror:
    """A mirror job; sizes are bytes.

    `dirty`: half-open ranges that the job has still to copy. `buffers`: chunks of buffer in all, None
    where there are always enough; never less than a cluster of the target to which copies are rounded
    (block/mirror.c mirror_run). `target_cluster`: the unit in which the target is allocated; it matters
    where the target has a backing name that is not opened (block/mirror.c mirror_run).
    """

    copy_mode: str
    dirty: tuple[tuple[int, int], ...]
    buffers: int | None
    target_cluster: int
    backing: str


def read(
    raw: object, where: Where, read_size: Callable[[object, Where], int], size: int, chunk: int
) -> Mirror:
    """Check the table. `read_size` reads a size; the disk has `size` bytes, the job's granularity is `chunk`.

    Raises `ScenarioError`.
    """
    table = table_of(raw, where, _KEYS)
    cluster = chunk
    if "target_cluster" in table:
        cluster = read_size(table["target_cluster"], where.key("target_cluster"))
        if cluster == 0 or (cluster % chunk and chunk % cluster):
            raise where.key("target_cluster").error(
                f"{cluster} bytes; accepted: a multiple of the granularity, {chunk} bytes, or a divisor of it"
            )
    backing = choice(
        table.get("backing", "name-only" if cluster > chunk else "none"), BACKINGS, where.key("backing")
    )
    if cluster > chunk and backing == "none":
        raise where.key("backing").error(
            "'none': a target that has nothing behind it is written in chunks, whatever its clusters; "
            "accepted: open, name-only, or no target_cluster"
        )
    if cluster < chunk and backing == "name-only":  # what a write fills is told chunk by chunk
        raise where.key("target_cluster").error(
            f"{cluster} bytes, less than a chunk, behind a backing that is only named: no model has it; "
            f"accepted: {chunk} bytes, or a multiple of it"
        )
    buffers = _buffers(table, where.key("buffers"))
    if buffers is not None and backing == "name-only":
        buffers = max(buffers, cluster // chunk)
    return Mirror(
        choice(table.get("copy_mode", COPY_MODES[0]), COPY_MODES, where.key("copy_mode")),
        extents(table["dirty"], where.key("dirty"), read_size, size) if "dirty" in table else ((0, size),),
        buffers,
        cluster,
        backing,
    )


def _buffers(table: Mapping[str, object], where: Where) -> int | None:
    number = table.get("buffers")
    if number is None:
        return None
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MOST_BUFFERS:
        raise where.error(f"{shown(number)}; accepted: a number of chunks, from 1 to {MOST_BUFFERS}")
    return number
