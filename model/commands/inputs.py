"""What the commands share: consoles, bad input, designs, scenarios and traces by name."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Sequence
from typing import IO, cast

import click
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from cowpath.model.commands import files
from cowpath.model.designs import ALL, DESIGNS, EXTENDED, MIRRORS, Case, Design
from cowpath.model.designs.loading import find as load_design
from cowpath.model.language.errors import InputError, shown
from cowpath.model.language.reading import called, read_text
from cowpath.model.scenarios import Scenario, bundled, find
from cowpath.model.scenarios.vocabulary import BUNDLED
from cowpath.model.trace.reading import ReadError, read, retrace
from cowpath.model.trace.trace import Trace

WIDTH = 100


class _Trimmed(io.TextIOBase):
    """Standard output, without the blanks that a table's last cells are padded with."""

    encoding = sys.stdout.encoding

    def write(self, text: str, /) -> int:
        """Write the text, its lines without the blanks at their ends."""
        return sys.stdout.write(re.sub(" +$", "", text, flags=re.MULTILINE))

    def flush(self) -> None:
        """Flush standard output."""
        sys.stdout.flush()


def open_console() -> Console:
    """Return a console for results, at least 100 columns wide."""
    wide = Console(highlight=False)
    if wide.is_terminal:
        return wide if wide.width >= WIDTH else Console(width=WIDTH, highlight=False)
    return Console(width=WIDTH, highlight=False, file=cast(IO[str], _Trimmed()))


def status_line(words: str) -> RenderableType:
    """Return what a status says: on one line, however long it is."""
    # A bare text would be put together with the spinner, and wrapped.
    return Padding(Text(words, no_wrap=True, overflow="ellipsis"), 0, expand=False)


def find_designs(names: Sequence[str]) -> list[Design]:
    """Return the designs of these names or files; none: all bundled but variants. Raises `InputError`."""
    found = {name: load_design(name, ALL) for name in names}
    by_name: dict[str, Design] = {}
    for design in found.values() if names else DESIGNS.values():
        if by_name.setdefault(design.name, design) is not design:
            raise InputError(f"two of the designs are named '{design.name}'; give each a name of its own")
    return list(by_name.values())


def find_scenarios(names: Sequence[str], designs: Sequence[Design] = ()) -> list[Scenario]:
    """Return the scenarios of these names or files, all bundled ones for none. Raises `InputError`.

    They may use the designs' own words.
    """
    vocabulary = BUNDLED
    for design in designs:
        own = design.vocabulary
        vocabulary = vocabulary.extended(own.kinds, own.faults, own.options)
    found = [find(name, vocabulary) for name in names] or list(bundled())
    different = list(dict.fromkeys(found))
    for words in ([s.name for s in different], [s.slug for s in different]):
        twice = [word for word in words if words.count(word) > 1]
        if twice:
            raise InputError(f"two of the scenarios are named '{twice[0]}'; give each a name of its own")
    return different


def find_cases(names: Sequence[str], wanted: Sequence[str]) -> tuple[list[Design], list[Scenario]]:
    """Return the designs and the scenarios of these names or files. Raises `InputError`.

    Scenarios alone: the bundled designs but variants that fit one of them, of extended groups and of mirrors
    too; each scenario must fit one.
    """
    if names or not wanted:
        chosen = find_designs(names)
        return chosen, find_scenarios(wanted, chosen)
    all_ = [*DESIGNS.values(), *EXTENDED.values(), *MIRRORS.values()]
    on = find_scenarios(wanted, all_)
    fitting = {s.name: [design for design in all_ if design.unsupported(s) is None] for s in on}
    for name, designs in fitting.items():
        if not designs:
            raise InputError(f"--scenario: '{name}' fits no bundled design; name the design that it is for")
    return [design for design in all_ if any(design in designs for designs in fitting.values())], on


def check_target(path: str | None, form: str) -> None:
    """Raise `InputError` where a picture would go to a terminal, or no file can be."""
    if path is not None:
        files.check_file(path, "-o")
    elif form == "png" and sys.stdout.isatty():
        raise InputError("--format png: no terminal shows that; accepted: -o OUT, or a pipe")


def deliver(content: str | bytes, path: str | None) -> None:
    """Write the file, or to stdout where there is no path. Raises `OutputError`."""
    if path is None:
        click.echo(content, nl=False)
    else:
        files.write(path, content)


def read_trace(path: str, case: Case) -> Trace:
    """Return the recorded trace in the file, made again by the case. Raises `InputError`."""
    text = read_text(path, "a recorded trace")
    try:
        written = read(text)
        for what, name in (("design", case.design.name), ("scenario", case.scenario.name)):
            if written[what] != name:
                raise ReadError(f"its {what} is {shown(written[what])}, not '{name}'")
        return retrace(case.design.system, case.instance, written)
    except ReadError as error:
        raise InputError(f"{called(path)}: {error}") from None
