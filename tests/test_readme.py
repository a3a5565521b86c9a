"""All that the README and the pages of docs/ show is run, page by page, in order, in a folder of its own.

`python -m tests.test_readme [PAGE...]` brings them up to date. A block is checked by what stands before it:
    ```console                        "$ COMMAND", and all that it prints
    <!-- file: NAME -->               what is written to that file, for the commands after it
    <!-- output of: COMMAND -->       all that it prints
    <!-- part of: COMMAND -->         lines that it prints, one after the other
    <!-- text of: PATH -->            a file of this repository
    ```sh                             cowpath's own commands, one a line, are run: those that write files
What else is in `sh`, and `text`, is not looked at: it needs other programs, or is no code.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.in_process import shared

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
PROGRAMS = {
    "cowpath": [str(Path(sys.executable).with_name("cowpath"))],
    "python": [sys.executable],
    "pytest": [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
}
BLOCK = re.compile(
    r"(?:<!-- (?P<what>file|output of|part of|text of): (?P<of>[^\n]+) -->\n)?"
    r"```(?P<kind>[\w{}-]+)\n(?P<body>.*?)```\n",
    re.DOTALL,
)
UNCHECKED = ("text", "{eval-rst}", "{toctree}")
LINK = re.compile(r"\]\((?!https?:)(?P<file>[^)#]*)(?:#(?P<anchor>[^)]+))?\)")


# Where CI is set, pytest does not shorten its lines.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in ("CI", "BUILD_NUMBER")},
    "PYTHONDONTWRITEBYTECODE": "1",
}


def output(command: str, folder: Path) -> str:
    """Run the command, with what comes after "<" as its input, and return what it prints."""
    command, _, source = command.partition(" < ")
    program, *arguments = command.split()
    typed = (folder / source).read_text() if source else ""
    done = subprocess.run(
        [*PROGRAMS[program], *arguments],
        cwd=folder, input=typed, capture_output=True, text=True, timeout=900, check=False,
        env=ENVIRONMENT | shared(),
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    assert not without_kept(done.stderr), f"{command}: {done.stderr}"
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip("\n") + "\n"


@dataclass(frozen=True)
class Block:
    """A block of a page, in the folder where the page's commands run."""

    what: str
    of: str
    kind: str
    body: str

    def should_be(self, folder: Path) -> str | None:
        """Return the text as it should read; None if nobody knows. Writes the file, if it is one."""
        if self.what == "file":
            (folder / self.of).write_text(self.body)
        elif self.what == "text of":
            return (ROOT / self.of).read_text()
        elif self.what == "output of":
            return output(self.of, folder)
        elif self.what == "part of":
            return self.body if self.body in output(self.of, folder) else f"(no part of: {self.of})\n"
        elif self.kind == "sh":
            for line in re.findall(r"^(cowpath (?!serve).*?)(?: +#.*)?$", self.body, re.MULTILINE):
                output(line, folder)
        elif self.kind == "console":
            command = self.body.splitlines()[0]
            return f"{command}\n{output(command.removeprefix('$ '), folder)}"
        return None


def read(found: re.Match[str]) -> Block:
    return Block(found["what"] or "", found["of"] or "", found["kind"], found["body"])


def blocks(page: str) -> list[Block]:
    return [read(found) for found in BLOCK.finditer((ROOT / page).read_text())]


def with_examples(folder: Path) -> Path:
    """Return the folder, in which the examples can be had as in a checkout."""
    (folder / "examples").symlink_to(ROOT / "examples")
    return folder


def without_times(text: str) -> str:
    """Return the text with every duration, and every object's address, blanked, and without what is kept."""
    text = without_kept(text)
    return re.sub(r"0x[0-9a-f]+", "0x#", re.sub(r"\d+\.\d+( ?)s", r"#\1s", text))


def without_kept(text: str) -> str:
    """Return the text without its saying what was kept: another test of this run may have asked the same."""
    text = text.replace("; kept from an earlier run (--fresh explores again)", "")
    return re.sub(r"^.*\b[Kk]ept from (?:an )?earlier runs?\b.*\n", "", text, flags=re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the generator make them."""
    text = BLOCK.sub("", page.read_text())
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(b.kind not in UNCHECKED for b in blocks(page))]
)
def test_the_page_shows_what_happens(page: str, tmp_path: Path) -> None:
    folder = with_examples(tmp_path)
    for block in blocks(page):
        if (text := block.should_be(folder)) is not None:
            renew = f"if that is meant: python -m tests.test_readme {page}"
            assert without_times(text) == without_times(block.body), renew


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_checked_or_is_of_a_kind_that_cannot_be(page: str) -> None:
    text = (ROOT / page).read_text()
    assert text.count("```") == 2 * len(blocks(page)), "a block that is not read"
    assert [b.body for b in blocks(page) if not b.what and b.kind not in ("console", "sh", *UNCHECKED)] == []


@pytest.mark.parametrize("page", [*PAGES, "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    for link in LINK.finditer(BLOCK.sub("", (ROOT / page).read_text())):
        target = (ROOT / page).parent / link["file"] if link["file"] else ROOT / page
        assert target.exists(), link[0]
        assert not link["anchor"] or link["anchor"] in anchors(target), link[0]


def test_every_page_is_in_the_table_of_contents() -> None:
    named = re.findall(r"^([\w-]+)$", (ROOT / "docs/index.md").read_text(), re.MULTILINE)
    assert {f"docs/{name}.md" for name in (*named, "index")} == {*PAGES} - {"README.md"}
    assert len(named) == len({*named})


def test_the_first_page_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 300


def test_what_is_shown_wrongly_is_noticed(tmp_path: Path) -> None:
    folder = with_examples(tmp_path)
    assert Block("part of", "cowpath --version", "text", "cowpath, 17\n").should_be(folder) != "cowpath, 17\n"
    assert (
        Block("", "", "console", "$ cowpath --version\nno\n").should_be(folder) != "$ cowpath --version\nno\n"
    )
    assert Block("file", "x.py", "python", "print(1)\n").should_be(folder) is None
    assert Block("output of", "python x.py", "text", "2\n").should_be(folder) == "1\n"


def update(page: str) -> None:
    """Replace what the page shows by what happens, where that differs by more than times."""
    with tempfile.TemporaryDirectory() as name:
        folder = with_examples(Path(name))

        def replaced(found: re.Match[str]) -> str:
            text = read(found).should_be(folder)
            if text is None or without_times(text) == without_times(found["body"]):
                return found[0]
            before, after = found.start("body") - found.start(), found.end("body") - found.start()
            return found[0][:before] + text + found[0][after:]

        path = ROOT / page
        path.write_text(BLOCK.sub(replaced, path.read_text()))


if __name__ == "__main__":
    for wanted in sys.argv[1:] or PAGES:
        update(wanted)
