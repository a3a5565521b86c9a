"""Bad input of any kind: one line, status 2, and nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from cowpath.model.designs import DESIGNS
from cowpath.model.scenarios import bundled
from cowpath.model.stack.properties import STANDARD
from tests.commands.running import SMALL, run
from tests.in_process import Command


@pytest.fixture
def bad_files(tmp_path: Path) -> Path:
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "binary.toml").write_bytes(bytes(range(256)))
    (tmp_path / "syntax.toml").write_text('name = "x"\nunit = "sectors"\nsectors = 4\ncluster 2\n')
    (tmp_path / "key.toml").write_text("clutser = 4\n" + SMALL)
    (tmp_path / "mirror.toml").write_text(
        'name = "m"\nsectors = "1MiB"\ncluster = "64KiB"\n[mirror]\ncopy_mode = "background"\n'
        "[options]\nquiesced_checkpoint = false\n"
    )
    (tmp_path / "range.toml").write_text(SMALL.replace("[1, 1]", "[3, 4]"))
    (tmp_path / "kind.toml").write_text(SMALL.replace("nbd-write", "nbd-wrote"))
    (tmp_path / "small.toml").write_text(SMALL)
    (tmp_path / "twin.toml").write_text(SMALL.replace("at = [1, 1]", "at = [1, 2]"))
    (tmp_path / "file").write_text("just a file\n")
    (tmp_path / "taken.cfg").mkdir()
    return tmp_path


def contents(folder: Path) -> dict[str, bytes | None]:
    """Everything below the folder, hidden files included."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


SCENARIOS = (
    f"the {len(bundled())} names that `cowpath scenarios` prints, a path ending in .toml, or - for stdin\n"
)
BAD_INPUT = [
    ("check rfc-2061", ["unknown design 'rfc-2061' (did you mean 'rfc-2016'?)", *DESIGNS]),
    ("check rfc-2016 nonsense", ["unknown design 'nonsense'", *DESIGNS]),
    ("designs merged-2.9", ["unknown design 'merged-2.9' (did you mean 'merged-2.8'?)"]),
    (
        "check --scenario unaligned-writ",
        [
            f"unknown scenario 'unaligned-writ' (did you mean 'unaligned-write'?); accepted: {SCENARIOS}",
        ],
    ),
    ("scenarios nonsense", [f"unknown scenario 'nonsense'; accepted: {SCENARIOS}"]),
    ("check mirror-8.2 --scenario mirror.toml", ["mirror.toml: options.quiesced_checkpoint: unknown key"]),
    ("survey rfc-2016 --html -", ["--html: '-' is not a file's path"]),
    ("check --property deadlok", ["--property", "deadlok", *STANDARD]),
    ("trace rfc-2016 --scenario race --property nonsense", ["--property", "nonsense", *STANDARD]),
    ("check --engine nump", ["--engine", "nump", "python", "numpy"]),
    ("trace rfc-2016 --scenario race --format svgg", ["--format", "svgg", "text", "json"]),
    ("check --nonsense", ["--nonsense"]),
    ("chek", ["unknown command 'chek' (did you mean 'check'?)", "conform"]),
    ("designs rfc-2016 merged-2.8", ["merged-2.8"]),
    ("check --scenario missing.toml", ["missing.toml: ", "No such file"]),
    ("check --scenario folder.toml", ["folder.toml: ", "Is a directory"]),
    ("check --scenario binary.toml", ["binary.toml: ", "not UTF-8"]),
    ("check --scenario syntax.toml", ["syntax.toml: ", "not valid TOML", "line 4"]),
    ("scenarios syntax.toml", ["syntax.toml: ", "not valid TOML", "line 4"]),
    ("check --scenario key.toml", ["key.toml: clutser: unknown key (did you mean 'cluster'?)"]),
    (
        "check --scenario range.toml",
        ["range.toml: request[1].at: [3, 7) runs past the end of the disk", "[0, 4)"],
    ),
    ("check --scenario kind.toml", ["kind.toml: request[1].kind: 'nbd-wrote'", "'nbd-write'"]),
    ("check --scenario small.toml --scenario twin.toml", ["two of the scenarios are named 'a small one"]),
    ("check --max-states 0", ["--max-states", "0", ">=1"]),
    ("check --max-states -5", ["--max-states", "-5", ">=1"]),
    ("check --max-states many", ["--max-states", "'many'"]),
    ("check --max-seconds 0", ["--max-seconds", "0", ">0"]),
    ("check --max-seconds -1.5", ["--max-seconds", "-1.5", ">0"]),
    ("check --json missing/out.json", ["--json: 'missing' is not a folder"]),
    ("check rfc-2061 --traces new", ["unknown design 'rfc-2061'"]),
    ("check --scenario range.toml --traces new --json new.json", ["range.toml: "]),
    ("check --traces file", ["--traces: 'file' cannot be made a folder"]),
    ("check --traces file/below", ["--traces: 'file/below' cannot be made a folder"]),
    ("trace rfc-2016", ["Missing option '--scenario'"]),
    ("trace --scenario race", ["Missing argument"]),
    ("trace rfc-2016 --scenario unaligned-write -o missing/out", ["-o: 'missing' is not a folder"]),
    ("trace rfc-2016 --scenario unaligned-write --from binary.toml", ["binary.toml: byte 128 is not UTF-8"]),
    (
        "trace fleecing-4.0 --scenario two-readers --property concurrency --minimal",
        ["--minimal: ", "witness"],
    ),
    ("report rfc-2016 --scenario race -o -", ["-o: '-' is not a file's path"]),
    ("prove rfc-2016 rfc-2016 --json missing/out", ["--json: 'missing' is not a folder"]),
    ("conform rfc-2061", ["unknown design 'rfc-2061' (did you mean 'rfc-2016'?)", *DESIGNS]),
    ("export rfc-2016 --scenario race", ["Missing option '--to'", "promela", "tla"]),
    ("export rfc-2016 --scenario race --to smv", ["--to", "smv", "promela", "tla"]),
    ("export rfc-2016 --to tla", ["Missing option '--scenario'"]),
    ("export copy-before-write-9.2 --scenario stop --to tla", ["copy-before-write-9.2 has no stop"]),
    ("export rfc-2016 --scenario race --to promela -o missing/out", ["-o: 'missing' is not a folder"]),
    ("export rfc-2016 --scenario race --to tla -o my-model.tla", ["-o: 'my-model.tla' is no module's file"]),
    ("export rfc-2016 --scenario race --to tla -o model.txt", ["-o: 'model.txt' is no module's file"]),
    ("export rfc-2016 --scenario race --to tla -o taken.tla", ["-o: 'taken.cfg' is not a file's path"]),
    (
        "check rfc-2016 --scenario unaligned-write --no-reduce",
        ["unaligned-write: the unreduced disk has 131072 cells of 512 B; accepted: at most 64"],
    ),
]


@pytest.mark.parametrize(("command", "said"), BAD_INPUT, ids=[command for command, _ in BAD_INPUT])
def test_bad_input_is_one_line_on_stderr(
    bad_files: Path, in_process: Command, command: str, said: list[str]
) -> None:
    before = contents(bad_files)
    ran = in_process(*command.split())
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("cowpath: ")
    assert ran.err.endswith("\n")
    assert len(ran.err.splitlines()) == 1
    assert " ... " not in ran.err  # what is accepted is said whole
    assert all(words in ran.err for words in said)
    assert contents(bad_files) == before


@pytest.mark.parametrize(
    "command",
    [
        "check rfc-2061 --json kept",
        "check --scenario range.toml --json kept",
        "check --scenario unaligned-write --no-reduce --json kept",
        "check --json kept --traces file",
        "trace rfc-2016 --scenario syntax.toml -o kept",
    ],
)
def test_bad_input_leaves_an_existing_output_file_alone(bad_files: Path, command: str) -> None:
    kept = bad_files / "kept"
    kept.write_text("of an earlier run\n")
    before, identity = contents(bad_files), (kept.stat().st_ino, kept.stat().st_mtime_ns)
    assert run(bad_files, *command.split()).status == 2
    assert contents(bad_files) == before
    assert (kept.stat().st_ino, kept.stat().st_mtime_ns) == identity
