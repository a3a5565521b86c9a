"""Sizes and their units: how they are read, and how they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cowpath.model.language.errors import shown
from cowpath.model.scenarios import ScenarioError
from cowpath.model.scenarios.sizes import SECTOR, parse_size, show_bytes, show_extent
from tests.scenarios.texts import one_line


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("0B", 0),
        ("64k", 65536),
        ("16K", 16384),
        ("3m", 3 << 20),
        ("1T", 1 << 40),
        ("8 sectors", 4096),
        ("1 sector", 512),
        ("8sectors", 4096),
        ("0x3f7c000B", 0x3F7C000),
        ("0X1000 b", 0x1000),
        ("0x1B B", 0x1B),
        ("0xff KiB", 0xFF << 10),
        ("0x10k", 0x4000),
        ("007B", 7),
        ("100B", 100),
        ("4096 B", 4096),
        ("64KiB", 65536),
        ("64 kib", 65536),
        ("1MiB", 1 << 20),
        ("2gIb", 2 << 30),
        ("1TiB", 1 << 40),
    ],
)
def test_sizes_have_units(written: object, size: int) -> None:
    assert parse_size(written, "here") == size
    assert parse_size(written, "here", sectors=True) == size


@pytest.mark.parametrize(
    "written",
    ["", "4", "KiB", "1.5KiB", "-1B", "1  KiB", " 1B", "1B ", "1B\n", "1kB", "1KB", "1EiB", "٣B", "1e3B",
     "0x", "0xB", "0x10", "0x1b", "0x3F7C000B", "0x1bB0B", "0b1B", "8 sectorss", "8 s", "K", "9" * 5000 + "B",
     "9" * 30 + "B", "9000000TiB", -1, 0, 1, 1 << 60, 1 << 20000, True, 1.0, float("nan"), None, [4], {}],
    ids=shown,
)  # fmt: skip
def test_other_sizes_are_refused(written: object) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_size(written, "file: cluster")
    line = one_line(caught.value)
    assert line.startswith("file: cluster: ")
    assert "accepted: " in line
    assert len(line) < 250


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (4096, "4096 B"),
        (65535, "65535 B"),
        (65536, "64 KiB"),
        (66048, "66048 B"),
        (1 << 20, "1 MiB"),
        (3 << 19, "1536 KiB"),
        (1 << 40, "1 TiB"),
    ],
)
def test_byte_counts_are_shown_shortly(size: int, text: str) -> None:
    assert show_bytes(size) == text


@given(st.integers(0, (1 << 63) - 1))
def test_a_shown_size_reads_back(size: int) -> None:
    assert parse_size(show_bytes(size), "here") == size


@given(st.integers(0, 1 << 40))
def test_sectors_read_as_their_bytes(sectors: int) -> None:
    size = parse_size(f"{sectors * SECTOR}B", "here")
    assert size == parse_size(sectors, "here", sectors=True) == parse_size(f"{sectors} sectors", "here")


@given(st.integers(0, (1 << 60) - 1))
def test_hexadecimal_is_never_cut_at_a_digit(number: int) -> None:
    assert parse_size(f"{number:#x}B", "here") == parse_size(f"{number:#X} B", "here") == number
    with pytest.raises(ScenarioError, match=r"has no unit; accepted: .0x[0-9a-f]+B., .0x[0-9a-f]+ sectors"):
        parse_size(f"{number:#x}", "here")


@pytest.mark.parametrize(
    ("written", "accepted"),
    [
        (4096, '"4096B", "4096 sectors" (of 512 bytes)'),
        ("4096", '"4096B", "4096 sectors" (of 512 bytes)'),
        ("64KB", '"64KiB"'),
        ("2gb", '"2GiB"'),
    ],
)
def test_a_size_that_may_mean_two_things_is_told_what_to_write(written: object, accepted: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_size(written, "here")
    assert one_line(caught.value).endswith(f"accepted: {accepted}")


def test_extents_are_shown_in_the_asked_unit() -> None:
    assert show_extent(512, 1024, in_bytes=True) == "[512, 1024)"
    assert show_extent(512, 1024, in_bytes=False) == "[1, 2)"
    assert show_extent(100, 1024, in_bytes=False) == "[100B, 1024B)"
