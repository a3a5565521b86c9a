"""Disks and requests by their numbers."""

from __future__ import annotations

from cowpath.model.scenarios import Request, Scenario

KIB = 1 << 10
MIB = 1 << 20
TIB = 1 << 40


def request(kind: str, offset: int | None = None, length: int | None = None, index: int = 0) -> Request:
    return Request(kind, offset, length, False, "none", f"{kind} {index}", index)


def disk(
    size: int,
    cluster: int,
    *requests: Request,
    request_alignment: int = 512,
    protocol_alignment: int = 512,
    copy_on_read: bool = False,
    in_bytes: bool = True,
) -> Scenario:
    return Scenario(
        name="test",
        size=size,
        cluster=cluster,
        request_alignment=request_alignment,
        copy_on_read=copy_on_read,
        protocol_alignment=protocol_alignment,
        requests=requests,
        in_bytes=in_bytes,
        slug="test",
    )
