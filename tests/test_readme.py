"""All that the pages show is run, in order, in an empty folder. Run this file to bring them up to date."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/own-code.md", "docs/survey.md")
PROGRAMS = {
    "cowpath": [str(Path(sys.executable).with_name("cowpath"))],
    "python": [sys.executable],
    "pytest": [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
}
BLOCK = re.compile(
    r"(?:<!-- (?:file: (?P<file>\S+)|output of: (?P<command>[^\n]+)) -->\n)?"
    r"```(?P<kind>\w+)\n(?P<body>.*?)```\n",
    re.DOTALL,
)


def output(command: str, folder: Path) -> str:
    """Run the command, with what comes after "<" as its input, and return what it prints."""
    command, _, source = command.partition(" < ")
    program, *arguments = command.split()
    typed = (folder / source).read_text() if source else ""
    done = subprocess.run(
        [*PROGRAMS[program], *arguments],
        cwd=folder, input=typed, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    assert not done.stderr
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip("\n") + "\n"


def shown(block: re.Match[str], folder: Path) -> str | None:
    """Return the block's text as it should read; None if it is no command's output."""
    if block["command"]:
        return output(block["command"], folder)
    if block["kind"] == "console" and not block["file"]:
        command = block["body"].splitlines()[0]
        return f"{command}\n{output(command.removeprefix('$ '), folder)}"
    return None


def without_times(text: str) -> str:
    """Return the text with every duration, and every object's address, blanked."""
    return re.sub(r"0x[0-9a-f]+", "0x#", re.sub(r"\d+\.\d+( ?)s", r"#\1s", text))


@pytest.mark.parametrize("page", PAGES)
def test_the_page_shows_what_happens(page: str, tmp_path: Path) -> None:
    compared = 0
    for block in BLOCK.finditer((ROOT / page).read_text()):
        if block["file"]:
            (tmp_path / block["file"]).write_text(block["body"])
        elif (text := shown(block, tmp_path)) is not None:
            assert without_times(text) == without_times(block["body"])
            compared += 1
    assert compared >= (1 if page == "docs/survey.md" else 5)


def update(page: Path) -> None:
    """Replace what the page shows by what happens."""
    with tempfile.TemporaryDirectory() as name:

        def replaced(block: re.Match[str]) -> str:
            if block["file"]:
                (Path(name) / block["file"]).write_text(block["body"])
            text = shown(block, Path(name))
            return block[0] if text is None else block[0].replace(block["body"], text)

        page.write_text(BLOCK.sub(replaced, page.read_text()))


if __name__ == "__main__":
    for wanted in sys.argv[1:] or PAGES:
        update(ROOT / wanted)
