"""Whatever is given is read, or refused in one line: never a traceback, and never a status by accident.

Each reader of input has a corpus of good inputs, which are changed at random: words are left out, doubled,
exchanged and replaced by others. What once went wrong is kept in `KNOWN`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cowpath.command_line import COMMANDS, LONGEST_LINE, Commands, run
from cowpath.conformance.pairs import PAIRS
from cowpath.conformance.runs.log import Sight
from cowpath.conformance.runs.log_file import Header, write
from cowpath.conformance.runs.workload import Workload
from cowpath.conformance.scheduler.kernel import Kernel
from cowpath.conformance.scheduler.substrate import Greenlets
from cowpath.conformance.strategies.portfolio import Portfolio
from cowpath.model.designs import DESIGNS
from cowpath.model.render.formats import FORMATS
from cowpath.model.scenarios import ScenarioError, bundled, find
from cowpath.model.scenarios.sizes import parse_size
from cowpath.model.scenarios.vocabulary import PROPERTIES

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE, SIZES = ROOT / "examples" / "dining.py", ROOT / "examples" / "two-philosophers.toml"
SCENARIOS = sorted((ROOT / "model" / "scenarios").glob("*.toml"))
FEW, MANY = 30, 1430
"""Cases for each of seven readers: always, and with --everything (10,000 in all)."""
ODD = [
    "", "0", "-1", "1", "17", "4096", "1.5", "1e400", "nan", "true", "null", "[]", "{}", '"', "'", "\\", "\0",
    "\n", "\r", "\u2028", "\ud800", "\ufeff", "é", "長" * 40, "x" * 3000, "9" * 400, "0x" + "f" * 5000,
    "[" * 3000, '"4k"', '"0B"', '"64KB"', '"9000000TiB"', '"guest-read"', '"nbd-write 1"', "[/red]", "%s",
    "-", "--", "../..", "/dev/null", "~", "[0, 1]", "[[1, 255]]", "[[1073741824, 255]]", '{"x": 1}', "None",
]  # fmt: skip


def attempt(arguments: list[str], stdin: bytes = b"") -> tuple[int, str, str]:
    """Run a command in this process; an error of cowpath's own is raised, and fails the test."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace") for _ in range(2))
    given_ = io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
    before = sys.stdin
    sys.stdin = given_
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the text that a changed design is
            try:
                status = run(arguments)
            except SystemExit as ended:
                status = int(ended.code or 0)
    finally:
        sys.stdin = before
    printed = []
    for stream in (out, err):
        stream.flush()
        assert isinstance(stream.buffer, io.BytesIO)
        printed.append(stream.buffer.getvalue().decode("utf-8", "replace"))
    return status, printed[0], printed[1]


def is_clean(arguments: list[str], stdin: bytes = b"") -> None:
    """Run the command: it comes to a verdict, or refuses its input in one line."""
    status, _, said = attempt(arguments, stdin)
    assert status in (0, 1, 2, 3)
    assert "Traceback" not in said
    if status == 2:
        (line,) = said.splitlines()
        assert line.startswith("cowpath: ")
        assert len(line) <= LONGEST_LINE + 100


# -- good input, and what is made of it


@st.composite
def changed(draw: st.DrawFn, texts: list[str], words: str = r"\w+|\s+|.") -> str:
    """One of the texts, with some of its words left out, doubled, exchanged or replaced."""
    parts = re.findall(words, draw(st.sampled_from(texts)), re.DOTALL)
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 2, 4)))):
        if not parts:
            break
        at, other = (draw(st.integers(0, len(parts) - 1)) for _ in range(2))
        match draw(st.sampled_from(["like", "like", "odd", "leave out", "double", "exchange", "cut"])):
            case "like":  # so that more is well formed, and comes further
                likes = [part for part in parts if part.isalnum() == parts[at].isalnum()]
                parts[at] = draw(st.sampled_from(likes))
            case "odd":
                parts[at] = draw(st.sampled_from(ODD) | st.text(max_size=4))
            case "leave out":
                del parts[at]
            case "double":
                parts.insert(at, parts[at])
            case "exchange":
                parts[at], parts[other] = parts[other], parts[at]
            case "cut":
                del parts[at:]
    return "".join(parts)


def scalars() -> st.SearchStrategy[Any]:
    """Values that JSON has, good and odd."""
    numbers = st.sampled_from([0, 1, -1, 255, 256, 512, 4096, 1 << 62, 1 << 80, 1.5, float("nan"), 1e300])
    words = st.sampled_from(
        ["", "guest-read 0", "nbd-write 1", "read.begin", "snapshot", "deadlock", "x" * 500]
    )
    return st.none() | st.booleans() | numbers | words | st.text(max_size=3)


VALUES = st.recursive(
    scalars(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)


@st.composite
def respelt(draw: st.DrawFn, documents: list[Any]) -> Any:
    """One of the JSON documents, with some of its values replaced, or keys left out."""
    document = json.loads(json.dumps(draw(st.sampled_from(documents))))
    for _ in range(draw(st.sampled_from((1, 1, 2, 3)))):
        place = document
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            inside = place[key]
            if isinstance(inside, dict | list) and draw(st.integers(0, 7)):
                place = inside
                continue
            match draw(st.sampled_from(["replace", "replace", "leave out", "double"])):
                case "replace":
                    place[key] = draw(VALUES)
                case "leave out":
                    del place[key]
                case "double" if isinstance(place, list):
                    place.insert(key, inside)
            break
    return document


def scenarios() -> list[Any]:
    """The bundled scenarios, as documents."""
    return [tomllib.loads(path.read_text()) for path in (*SCENARIOS, *[SIZES] * len(SCENARIOS))]


def without_none(value: Any) -> Any:
    """The value without what TOML does not have: null."""
    if isinstance(value, dict):
        return {key: without_none(each) for key, each in value.items() if each is not None}
    return [without_none(each) for each in value if each is not None] if isinstance(value, list) else value


def traces() -> list[Any]:
    """Recorded traces, a deadlock and a loop among them."""
    wanted = [
        ("rfc-2016", "unaligned-write"),
        ("unserialised", "race"),
        ("fleecing-4.0", "write-among-reads"),
    ]
    return [json.loads(attempt(["trace", d, "--scenario", s, "--format", "json"])[1]) for d, s in wanted]


def logs() -> list[list[Any]]:
    """Logs of runs, of each sight."""
    found = []
    for slug, sight in (
        ("race", Sight.WHITE),
        ("unaligned-write", Sight.GREY),
        ("failing-copies", Sight.BLACK),
    ):
        workload = Workload(PAIRS["rfc-2016"], find(slug), Kernel(Greenlets()))
        text = write(Header(find(slug), "rfc-2016", sight), workload.run(Portfolio(3)).log)
        workload.close()
        found.append([json.loads(line) for line in text.splitlines()])
    return found


def tokens() -> list[str]:
    """Tokens of runs on the race."""
    workload = Workload(PAIRS["rfc-2016"], find("race"), Kernel(Greenlets()))
    strategy = Portfolio(5)
    found = [str(workload.run(strategy).schedule) for _ in range(5)]
    workload.close()
    return found


# -- the readers


def a_scenario(data: st.DataObject) -> None:
    if data.draw(st.integers(0, 2)):
        text = tomli_w.dumps(without_none(data.draw(respelt(cached(scenarios)))))
    else:
        files = [path.read_text() for path in (*SCENARIOS, SIZES)]
        text = data.draw(changed(files, r'"[^"]*"|\w+|\s+|.'))
    command = data.draw(
        st.sampled_from(
            [
                ["scenarios", "-"],
                ["check", "rfc-2016", "--max-states", "60", "--scenario", "-"],
                ["check", str(EXAMPLE), "--max-states", "60", "--scenario", "-"],
                ["check", "copy-before-write-9.2", "--max-states", "60", "--no-reduce", "--scenario", "-"],
                ["export", "unserialised", "--to", "tla", "--scenario", "-"],
            ]
        )
    )
    is_clean(command, encoded(text))


def a_trace(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(cached(traces)))
    if data.draw(st.integers(0, 3)):
        steps = data.draw(respelt([document["trace"]]))
        text = json.dumps(data.draw(st.just(document) | respelt([document])) | {"trace": steps})
    else:
        text = data.draw(changed([json.dumps(document)]))
    design, scenario = document["design"], document["scenario"]
    how = data.draw(st.sampled_from([("trace", "--from"), ("replay", "--trace")]))
    form = (
        ["--format", data.draw(st.sampled_from(list(FORMATS)))]
        if how[0] == "trace"
        else ["--on", "greenlets"]
    )
    is_clean([how[0], design, "--scenario", scenario, *form, how[1], "-"], encoded(text))


def a_log(data: st.DataObject) -> None:
    records = cached(logs)
    if data.draw(st.booleans()):
        text = "\n".join(json.dumps(record) for record in data.draw(respelt(records)))
    else:
        texts = ["\n".join(json.dumps(record) for record in log) + "\n" for log in records]
        text = data.draw(changed(texts, r"[^\n]*\n" if data.draw(st.booleans()) else r"\w+|\s+|."))
    form = data.draw(st.sampled_from([[], *(["--format", form] for form in FORMATS), ["--sight", "black"]]))
    is_clean(["validate", *form, "-"], encoded(text))


def a_token(data: st.DataObject) -> None:
    token = data.draw(changed(cached(tokens)))
    is_clean(["replay", "rfc-2016", "--scenario", "race", "--on", "greenlets", f"--token={token}"])


def a_size(data: st.DataObject) -> None:
    good = ["0B", "4096B", "64KiB", "64k", "8 sectors", "0x3f7c000B", "0X1F B", "1 TiB", "3G"]
    size = data.draw(changed(good, ".") | VALUES)
    try:
        found = parse_size(size, "here", sectors=data.draw(st.booleans()))
    except ScenarioError as error:
        line = str(error)
        assert "\n" not in line
        assert len(line) < 400
        assert "accepted: " in line
    else:
        assert 0 <= found < 1 << 63


def a_design(data: st.DataObject) -> None:
    text = data.draw(changed([EXAMPLE.read_text()], r"\w+|\s+|[^\w\s]+"))
    Path("own.py").write_bytes(encoded(text))
    sizes = str(SIZES)
    command = data.draw(
        st.sampled_from(
            [
                ["check", "own.py", "--scenario", sizes, "--max-states", "60"],
                ["trace", "own.py", "--scenario", sizes, "--max-states", "60"],
                ["graph", "own.py", "--scenario", sizes, "--max-states", "60"],
                ["export", "own.py", "--scenario", sizes, "--to", "promela"],
                ["step", "own.py", "--scenario", sizes],
                ["designs", "own.py"],
            ]
        )
    )
    is_clean(command, b"1 1 undo Plato\n")


OPTIONS = [
    "--scenario",
    "--property",
    "--format",
    "-o",
    "--from",
    "--minimal",
    "--ascii",
    "--against",
    "--no-reduce",
    "--engine",
    "python",
    "--max-seconds",
    "0.01",
    "--reduction",
    "symmetry",
    "--sight",
    "black",
    "--as",
    "--token",
    "--trace",
    "--on",
    "threads",
    "--to",
    "tla",
    "--size",
    "1MiB",
    "--cluster",
    "--theorem",
    "--strategy",
    "pct",
    "--seed",
    "--rlimit",
    "--uses",
    "--smt2",
    "--quotient",
    "--help",
    "--guards",
    "own.py",
    "./x.toml",
    "out",
]
SHORT = {
    "check": ["--scenario", "race", "--max-states", "40"],
    "trace": ["--max-states", "40"],
    "graph": ["--max-states", "40"],
    "replay": ["--on", "greenlets"],
    "conform": ["--scenario", "race", "--schedules", "3"],
    # These take long, or do not end: they are given what they cannot write to, and must find that first.
    "report": ["-o", "/dev/null/no"],
    "prove": ["--json", "/dev/null/no"],
    "mutants": ["--json", "/dev/null/no"],
    "qemu": ["--json", "/dev/null/no"],
    "survey": ["--json", "/dev/null/no"],
    "serve": ["/dev/null/no"],
}
"""What is put last on each command line, so that it is soon over."""


def a_command_line(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([*COMMANDS, *COMMANDS, "nonsense"]))
    slugs = [scenario.slug for scenario in bundled()]
    word = st.sampled_from([*DESIGNS, *slugs, *PROPERTIES, *FORMATS, *ODD, *OPTIONS])
    words = data.draw(st.lists(word.filter(lambda each: "\0" not in each), max_size=3))
    if name in COMMANDS:
        chosen = data.draw(st.lists(st.sampled_from(parameters(name)), max_size=3))
        if data.draw(st.integers(0, 4)):
            chosen += [param for param in parameters(name) if param.required and param not in chosen]
        for param in chosen:
            value = data.draw(fitting(param) | word.filter(lambda each: "\0" not in each))
            words += [value] if isinstance(param, click.Argument) else [param.opts[0], value]
    is_clean([name, *words, *SHORT.get(name, [])], b"1 save w.json quit\n")


def parameters(name: str) -> list[click.Parameter]:
    """The parameters of a command."""
    command = Commands().get_command(click.Context(click.Command("cowpath")), name)
    return [param for param in command.params if not getattr(param, "is_flag", False)]


def fitting(param: click.Parameter) -> st.SearchStrategy[str]:
    """Values that a parameter takes."""
    if isinstance(param.type, click.Choice):
        return st.sampled_from(list(param.type.choices))
    if isinstance(param.type, click.types.IntRange | click.types.FloatRange):
        return st.sampled_from(["1", "2", "7"])
    own = {"wanted": "unaligned-write", "scenario": "race", "scenarios": "two-readers", "path": "out"}
    return st.sampled_from([own.get(str(param.name), "rfc-2016"), "rfc-2016"])


READERS: dict[str, Callable[[st.DataObject], None]] = {
    reader.__name__: reader
    for reader in (a_scenario, a_trace, a_log, a_token, a_size, a_design, a_command_line)
}

_cache: dict[Callable[[], Any], Any] = {}


def cached(make: Callable[[], Any]) -> Any:
    """What `make` makes, once."""
    if make not in _cache:
        _cache[make] = make()
    return _cache[make]


def encoded(text: str) -> bytes:
    """Bytes of any text, also of one that UTF-8 does not have."""
    return text.encode("utf-8", "surrogatepass")


@pytest.fixture
def _in_a_folder(tmp_path: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(tmp_path)
    yield
    os.chdir(before)


@pytest.mark.usefixtures("_in_a_folder")
@pytest.mark.parametrize("name", list(READERS))
@pytest.mark.parametrize("cases", [FEW, pytest.param(MANY, marks=pytest.mark.lengthy)])
def test_whatever_is_read_there_is_a_verdict_or_one_line(name: str, cases: int) -> None:
    @settings(
        max_examples=cases,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def fuzzed(data: st.DataObject) -> None:
        READERS[name](data)

    fuzzed()


# -- what once went wrong

KNOWN: dict[str, tuple[list[str], bytes]] = {
    "a name longer than a file system takes": (["check", "x" * 300 + ".py"], b""),
}


@pytest.mark.usefixtures("_in_a_folder")
@pytest.mark.parametrize("name", list(KNOWN))
def test_what_once_went_wrong_does_not_again(name: str) -> None:
    is_clean(*KNOWN[name])
