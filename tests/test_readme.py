"""Everything the README shows is run, in order, in an empty folder. Run this file to bring it up to date."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
COWPATH = Path(sys.executable).with_name("cowpath")
BLOCK = re.compile(r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w+)\n(?P<body>.*?)```\n", re.DOTALL)


def run(body: str, folder: Path) -> str:
    """Run the block's command and return the block as it should read."""
    program, *arguments = body.splitlines()[0].removeprefix("$ ").split()
    executable = {"cowpath": COWPATH, "python": sys.executable}[program]
    done = subprocess.run(
        [executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    assert not done.stderr
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    return f"{body.splitlines()[0]}\n" + "\n".join(lines).strip("\n") + "\n"


def without_times(text: str) -> str:
    """Return the text with every duration blanked."""
    return re.sub(r"\d+\.\d+ s", "# s", text)


def test_readme_shows_what_happens(tmp_path: Path) -> None:
    shown = 0
    for block in BLOCK.finditer(README.read_text()):
        if block["file"]:
            (tmp_path / block["file"]).write_text(block["body"])
        elif block["kind"] == "console":
            assert without_times(run(block["body"], tmp_path)) == without_times(block["body"])
            shown += 1
    assert shown >= 5


def update() -> None:
    """Replace what the README shows by what happens."""
    with tempfile.TemporaryDirectory() as name:

        def replaced(block: re.Match[str]) -> str:
            if block["file"]:
                (Path(name) / block["file"]).write_text(block["body"])
            elif block["kind"] == "console":
                return f"```console\n{run(block['body'], Path(name))}```\n"
            return block[0]

        README.write_text(BLOCK.sub(replaced, README.read_text()))


if __name__ == "__main__":
    update()
