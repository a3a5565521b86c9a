"""A scenario: one small disk chain, the requests submitted to it, the verdicts expected; and its TOML form.

A scenario says nothing about the order of its requests: all of them may arrive at any time. What is read
from a file is checked here and nowhere else, so that the rest of the model can rely on it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cowpath.model.language.action import HANGS
from cowpath.model.language.errors import shown
from cowpath.model.language.reading import called, read_text
from cowpath.model.scenarios import expectations, mirror
from cowpath.model.scenarios.document import Where, choice, extents, flag, table_of, text_of
from cowpath.model.scenarios.errors import ScenarioError
from cowpath.model.scenarios.sizes import SECTOR, in_sectors, parse_size, show_bytes, show_extent
from cowpath.model.scenarios.vocabulary import (
    BUNDLED,
    IO_KINDS,
    OPTIONS,
    PROPERTIES,
    Setting,
    Vocabulary,
    faults_of,
)

LONGEST_DISK = 1 << 40
"""Bytes; a longer disk is refused as overlong."""
LONGEST_FILE = 1 << 20
"""Bytes of a scenario file."""
MOST_REQUESTS = 16
"""Requests in one scenario, after expanding `count`."""
MOST_ELEMENTS = 64
"""Elements of one sort of a system that says its own sizes."""

_TOP_KEYS = (
    "name",
    "shows",
    "unit",
    "sectors",
    "cluster",
    "secondary",
    "options",
    "request",
    "expect",
    "mirror",
)
_OWN_KEYS = ("name", "shows", "sizes", "parameters", "names", "expect")
_SECONDARY_KEYS = ("request_alignment", "protocol_alignment", "copy_on_read")
_REQUEST_KEYS = ("kind", "at", "count", "stream", "fault")


@dataclass(frozen=True)
class Request:
    """One request of a scenario.

    `offset` and `length` are bytes, None for the kinds without an extent. `label` is the kind and the
    request's place among all requests ("nbd-write 0"). Requests with the same `group` came from one
    `[[request]]` table and are interchangeable.
    """

    kind: str
    offset: int | None
    length: int | None
    stream: bool
    fault: str
    label: str
    group: int


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A disk chain, its requests and the verdicts expected of each design; every size is in bytes.

    `cluster` is the backup job's copy unit, or the granularity of the `mirror`, if it is of one;
    `request_alignment` belongs to the secondary disk's own node, `protocol_alignment` to the node below it.
    `in_bytes` tells that a size was written in bytes, so that positions are best shown in bytes. `slug` is
    the short name: the file's stem.

    A scenario of a system that is no block stack has no disk (`size` is 0) and no requests, but the `sizes`
    of the system's sorts, its rigid `parameters` as the file has them, and `names` of elements, by sort.
    """

    name: str
    shows: str = ""
    size: int
    cluster: int
    request_alignment: int = SECTOR
    protocol_alignment: int = SECTOR
    copy_on_read: bool = False
    options: Mapping[str, Setting] = field(default_factory=dict, hash=False)
    requests: tuple[Request, ...]
    # A dict cannot be hashed; leaving it out keeps a scenario usable as a cache key.
    expect: Mapping[str, Mapping[str, str | int]] = field(default_factory=dict, hash=False)
    in_bytes: bool = False
    slug: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict, hash=False)
    parameters: Mapping[str, object] = field(default_factory=dict, hash=False)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    mirror: mirror.Mirror | None = None

    @property
    def on_cbw_error(self) -> str:
        """What a failed copy breaks, in QEMU's own word."""
        return str(self.options.get("on_cbw_error", OPTIONS["on_cbw_error"].default))

    def option(self, name: str) -> bool:
        """Tell what the model makes of an option: a bundled one, or a flag of a design's own."""
        option = OPTIONS.get(name)
        return (
            option.holds(self.options.get(name, option.default)) if option else bool(self.options.get(name))
        )

    @property
    def hangs(self) -> bool:
        """Whether some transfer of a request never completes."""
        return any(request.fault.endswith(HANGS) for request in self.requests)

    @property
    def has_disk(self) -> bool:
        """Whether it is of a block stack, and not of a system that says its own sizes."""
        return self.size > 0


def load(
    path: str | Path, designs: Collection[str] | None = None, vocabulary: Vocabulary = BUNDLED
) -> Scenario:
    """Read a scenario file, or standard input ('-'); its slug is the file's stem.

    `designs`, when given, are the names that `[expect]` may use; `vocabulary`: the words that all else may.
    Raises ScenarioError, one line naming the file and the key or line, for anything wrong with the file or in
    it.
    """
    name = str(path)
    text = read_text(name, "a scenario", ScenarioError, LONGEST_FILE)
    return _parse(text, called(name), Path(called(name)).stem, designs, vocabulary)


def loads(
    text: str, slug: str, designs: Collection[str] | None = None, vocabulary: Vocabulary = BUNDLED
) -> Scenario:
    """Read a scenario from TOML text; errors name it by `slug`. Otherwise as `load`."""
    return _parse(text, slug, slug, designs, vocabulary)


def from_document(document: dict[str, object], where: str) -> Scenario:
    """Check a document as TOML would give it; errors name it by `where`. Otherwise as `load`."""
    return _Reader(where, "", None, BUNDLED).scenario(document)


def _parse(
    text: str, file: str, slug: str, designs: Collection[str] | None, vocabulary: Vocabulary
) -> Scenario:
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise ScenarioError(f"{file}: nested too deeply; accepted: the tables of a scenario") from None
    except ValueError as error:  # not only TOMLDecodeError: int() refuses thousands of digits
        raise ScenarioError(f"{file}: not valid TOML: {error}") from None
    return _Reader(file, slug, designs, vocabulary).scenario(document)


class _Reader:
    """Reads one document; keeps what is true of the whole file: what its sizes are of."""

    def __init__(self, file: str, slug: str, designs: Collection[str] | None, vocabulary: Vocabulary) -> None:
        self._words = vocabulary
        self._top = Where(file)
        self._slug = slug
        self._designs = designs
        self._sectors = False
        self._in_bytes = False
        self._size = 0
        self._mirror: mirror.Mirror | None = None

    def scenario(self, document: dict[str, object]) -> Scenario:
        """Check a whole document and build its scenario."""
        top, own = self._top, "sizes" in document
        table_of(document, top, _OWN_KEYS if own else (*_TOP_KEYS, *_OWN_KEYS[2:5]))
        name = text_of(document, "name", top)
        if name is None:
            raise top.key("name").error("missing; accepted: a text of one line")
        if not name.strip() or len(name.splitlines()) != 1:
            raise top.key("name").error(f"{shown(name)} is not a name; accepted: a text of one line")
        shows = " ".join((text_of(document, "shows", top) or "").split())
        if own:
            return self._own(document, name.strip(), shows)
        for key in ("parameters", "names"):
            if key in document:
                raise top.key(key).error("is for systems that say their own sizes; accepted: with [sizes]")
        if "unit" in document:
            self._sectors = bool(choice(document["unit"], ("sectors",), top.key("unit")))
        self._size = size = self._disk(document)
        cluster = self._positive(document, "cluster", top)
        if cluster % SECTOR:
            raise top.key("cluster").error(f"{cluster} bytes is not a whole number of sectors (512 bytes)")
        if "mirror" in document:
            where = top.key("mirror")
            self._mirror = mirror.read(document["mirror"], where, self._read_size, size, cluster)
            if "secondary" in document:
                raise top.key("secondary").error(
                    "a mirror has a source and a target; accepted: no [secondary]"
                )
        secondary, where = self._subtable(document, "secondary", _SECONDARY_KEYS)
        request_alignment = self._alignment(secondary, "request_alignment", where)
        protocol_alignment = self._alignment(secondary, "protocol_alignment", where)
        copy_on_read = flag(secondary, "copy_on_read", where, default=False)
        if copy_on_read and cluster % request_alignment:
            # What such a read claims and writes ends where its blocks end, in the model where clusters do.
            raise where.key("copy_on_read").error(
                f"true: a cluster of {cluster} bytes is not whole blocks of {request_alignment} bytes,"
                " for which this is not modelled; accepted: false, or an alignment that divides the cluster"
            )
        options = self._options(document)
        requests = self._requests(document)
        self._no_ragged_discards(requests, max(request_alignment, protocol_alignment))
        if protocol_alignment > request_alignment:
            self._no_ragged_zeroes(requests, request_alignment)
        self._no_tail_fails(requests, request_alignment)
        expect = self._expect(document)
        return Scenario(
            name=name.strip(),
            shows=shows,
            size=size,
            cluster=cluster,
            request_alignment=request_alignment,
            protocol_alignment=protocol_alignment,
            copy_on_read=copy_on_read,
            options=options,
            requests=requests,
            expect=expect,
            in_bytes=self._in_bytes,
            slug=self._slug,
            mirror=self._mirror,
        )

    def _own(self, document: Mapping[str, object], name: str, shows: str) -> Scenario:
        """Build the scenario of a system that is no block stack."""
        where = self._top.key("sizes")
        sizes: dict[str, int] = {}
        for sort, size in table_of(document["sizes"], where, None).items():
            if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= MOST_ELEMENTS:
                raise where.key(sort).error(f"{shown(size)}; accepted: a number from 1 to {MOST_ELEMENTS}")
            sizes[sort] = size
        where = self._top.key("names")
        names: dict[str, tuple[str, ...]] = {}
        for sort, words in table_of(document.get("names", {}), where, None).items():
            if not isinstance(words, list) or not all(isinstance(w, str) and w.strip() for w in words):
                raise where.key(sort).error(f"{shown(words)}; accepted: a list of names")
            names[sort] = tuple(words)
        parameters = table_of(document.get("parameters", {}), self._top.key("parameters"), None)
        return Scenario(
            name=name,
            shows=shows,
            size=0,
            cluster=SECTOR,
            requests=(),
            expect=self._expect(document, own=True),
            slug=self._slug,
            sizes=sizes,
            parameters=parameters,
            names=names,
        )

    # -- sizes

    def _read_size(self, value: object, where: Where, *, sectors: bool = False) -> int:
        otherwise = ', or unit = "sectors" at the top of the file'
        size = parse_size(value, str(where), sectors=sectors or self._sectors, otherwise=otherwise)
        self._in_bytes = self._in_bytes or not in_sectors(value)
        return size

    def _positive(self, table: Mapping[str, object], key: str, where: Where, *, sectors: bool = False) -> int:
        if key not in table:
            raise where.key(key).error('missing; accepted: a size with its unit, such as "64KiB"')
        size = self._read_size(table[key], where.key(key), sectors=sectors)
        if size == 0:
            raise where.key(key).error("is 0; accepted: a size of at least 1 sector (512 bytes)")
        return size

    def _disk(self, document: Mapping[str, object]) -> int:
        size = self._positive(document, "sectors", self._top, sectors=True)
        where = self._top.key("sectors")
        if size % SECTOR:
            raise where.error(f"{size} bytes is not a whole number of sectors (512 bytes)")
        if size > LONGEST_DISK:
            raise where.error(f"a disk of {show_bytes(size)} is overlong; accepted: 512 B to 1 TiB")
        return size

    def _alignment(self, table: Mapping[str, object], key: str, where: Where) -> int:
        if key not in table:
            return SECTOR
        size = self._read_size(table[key], where.key(key))
        if size.bit_count() != 1:
            raise where.key(key).error(
                f'{size} bytes is not a power of two; accepted: a power of two, such as "1B", "512B", "4096B"'
            )
        return size

    # -- tables

    def _subtable(
        self, document: Mapping[str, object], key: str, keys: Collection[str]
    ) -> tuple[dict[str, object], Where]:
        where = self._top.key(key)
        return table_of(document.get(key, {}), where, keys), where

    def _options(self, document: Mapping[str, object]) -> dict[str, Setting]:
        """Return the options that are not as they are by default."""
        here = self._words.options_of(self._mirror is not None)
        table, where = self._subtable(document, "options", here)
        said: dict[str, Setting] = {}
        for name, option in self._words.options.items():
            value = table.get(name, option.default)
            if option.extents and value is not False:
                said[name] = extents(value, where.key(name), self._read_size, self._size, some=True)
            elif option.accepted:
                said[name] = choice(value, option.accepted, where.key(name))
            else:
                said[name] = flag(table, name, where, default=bool(option.default))
        return {name: value for name, value in said.items() if value != self._words.options[name].default}

    # -- requests

    def _requests(self, document: Mapping[str, object]) -> tuple[Request, ...]:
        where = self._top.key("request")
        tables = document.get("request", [])
        if not isinstance(tables, list):
            raise where.error(
                f"is {shown(tables)}; accepted: one [[request]] table (double brackets) per request"
            )
        if not tables and self._mirror is None:
            raise where.error(
                "the scenario has no request; accepted: 1 to 16 requests, as [[request]] tables"
            )
        requests: list[Request] = []
        for group, table in enumerate(tables):
            requests += self._group(table, where.item(group), group, len(requests))
            if len(requests) > MOST_REQUESTS:
                raise where.item(group).error(
                    f"makes {len(requests)} requests in all;"
                    f" accepted: at most {MOST_REQUESTS}, each `count` included"
                )
        return tuple(requests)

    def _group(self, raw: object, where: Where, group: int, before: int) -> list[Request]:
        table = table_of(raw, where, _REQUEST_KEYS)
        if "kind" not in table:
            raise where.key("kind").error(f"missing; accepted: {', '.join(self._words.kinds)}")
        kind = choice(table["kind"], self._words.kinds_of(self._mirror is not None), where.key("kind"))
        offset, length = self._extent(table, kind, where.key("at"))
        count = _count(table.get("count", 1), where.key("count"))
        stream = flag(table, "stream", where, default=False)
        if stream and kind in ("stop", "exit", "failover"):
            raise where.key("stream").error("true: the job ends once; accepted: false")
        fault = choice(table.get("fault", "none"), self._words.faults, where.key("fault"))
        made = faults_of(kind, self._mirror is not None)
        if fault in BUNDLED.faults and fault not in made:
            raise where.key("fault").error(
                f"a {kind} has no transfer {fault.removesuffix(f'-{HANGS}')!r}; accepted: {', '.join(made)}"
            )
        return [
            Request(kind, offset, length, stream, fault, f"{kind} {before + i}", group) for i in range(count)
        ]

    def _extent(self, table: Mapping[str, object], kind: str, where: Where) -> tuple[int | None, int | None]:
        if not self._words.has_extent(kind):
            if "at" in table:
                raise where.error(
                    f"a {kind} has no extent; accepted: no `at` ({', '.join(IO_KINDS)} have one)"
                )
            return None, None
        if "at" not in table:
            raise where.error(f"missing; accepted: for a {kind}, [start, length]")
        at = table["at"]
        if not isinstance(at, list) or len(at) != 2:
            raise where.error(f"{shown(at)} is not an extent; accepted: [start, length]")
        offset = self._read_size(at[0], where.item(0))
        length = self._read_size(at[1], where.item(1))
        if length == 0:
            raise where.item(1).error("the extent is empty; accepted: a length of at least 1")
        if offset + length > self._size:
            extent = show_extent(offset, offset + length, self._in_bytes)
            disk = show_extent(0, self._size, self._in_bytes)
            unit = "bytes" if self._in_bytes else "sectors"
            raise where.error(
                f"{extent} runs past the end of the disk; accepted: extents within {disk} {unit}"
            )
        return offset, length

    def _no_ragged_zeroes(self, requests: Sequence[Request], unit: int) -> None:
        # Its pieces would be read-modify-writes of their own below. And a job's read would wait there.
        for request in requests:
            offset, length = request.offset or 0, request.length or 0
            if request.kind == "job-read":
                where = self._top.key("secondary").key("protocol_alignment")
                raise where.error(f"{request.label} is modelled only up to request_alignment; accepted: that")
            if request.kind == "nbd-zero" and (offset % unit or (offset + length) % unit):
                where = self._top.key("request").item(request.group).key("at")
                raise where.error(
                    f"{request.label} is unaligned, which is modelled only where the protocol node's"
                    " alignment is no larger; accepted: a smaller protocol_alignment, or an aligned extent"
                )

    def _no_ragged_discards(self, requests: Sequence[Request], unit: int) -> None:
        # QEMU leaves the blocks alone of which a discard has a part; so may who writes the scenario.
        for request in requests:
            offset, length = request.offset or 0, request.length or 0
            if request.kind == "source-discard" and (offset % unit or (offset + length) % unit):
                where = self._top.key("request").item(request.group).key("at")
                raise where.error(
                    f"{request.label} is not of whole blocks of {unit} bytes; accepted: an aligned extent"
                )

    def _no_tail_fails(self, requests: Sequence[Request], unit: int) -> None:
        # QEMU reads the tail when all before it is written, the model with the head.
        for request in requests:
            offset, length = request.offset or 0, request.length or 0
            ragged = not offset % unit and (offset + length) % unit
            if request.kind == "nbd-zero" and ragged and request.fault.startswith(("rmw-read", HANGS)):
                where = self._top.key("request").item(request.group).key("fault")
                raise where.error(
                    f"{request.label} reads no head, and the failing read of a tail is not modelled;"
                    " accepted: another fault, or an extent that begins inside a block"
                )

    # -- expectations

    def _expect(
        self, document: Mapping[str, object], *, own: bool = False
    ) -> dict[str, dict[str, str | int]]:
        where = self._top.key("expect")
        tables = table_of(document.get("expect", {}), where, self._designs, what="design")
        known = None if own else (*PROPERTIES, "states")
        return {
            design: expectations.read(table, where.key(design), known) for design, table in tables.items()
        }


def _count(value: object, where: Where) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_REQUESTS:
        raise where.error(
            f"{shown(value)} is not a count; accepted: a whole number from 1 to {MOST_REQUESTS}"
        )
    return value
