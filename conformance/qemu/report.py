"""What a fault is told with to whoever maintains QEMU: words, page, log, QMP commands and a reproducer."""

from __future__ import annotations

import ast
import base64
import json
import pprint
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cowpath.conformance.campaign.columns import draw, refused
from cowpath.conformance.monitor import witness
from cowpath.conformance.monitor.monitor import Refusal
from cowpath.conformance.qemu import replay_case, replay_image, replay_wires
from cowpath.conformance.qemu.asking import client_command, control
from cowpath.conformance.qemu.bench import Subject
from cowpath.conformance.qemu.faults import CRASHED, UNEQUAL, Fault
from cowpath.conformance.qemu.job import EVENTS
from cowpath.conformance.qemu.machine import disks_of
from cowpath.conformance.qemu.nodes import Graph, QmpCommand, closing
from cowpath.conformance.qemu.plan import Outcome
from cowpath.conformance.qemu.qcow2 import Image
from cowpath.conformance.qemu.replay_wires import SIZE
from cowpath.conformance.qemu.run import QemuRun
from cowpath.conformance.qemu.walk import Doing, Scheduled
from cowpath.conformance.runs import log_file
from cowpath.conformance.runs.log import ORIGINAL, written_by
from cowpath.conformance.runs.log_file import Header
from cowpath.model.render.formats import FORMATS
from cowpath.model.render.formats import Subject as Page
from cowpath.model.scenarios.writing import dumps

_RUNS = re.compile(rb"(?s)(.)\1*")
_CASE = "CASE: dict[str, Any] = {}\n"
_FUTURE = ("from __future__ import annotations",)


@dataclass(frozen=True)
class Report:
    """All about one fault: `name` is its folder's, `files` what is in there; `outcomes` all that show it.

    `example` is the smallest of them.
    """

    name: str
    outcomes: Sequence[Outcome]
    example: Outcome
    subject: Subject
    fault: Fault
    files: Mapping[str, str] = field(repr=False)

    def covers(self, outcome: Outcome) -> bool:
        """Tell whether the outcome shows this fault."""
        return any(each is outcome for each in self.outcomes)


def reported(outcomes: Sequence[Outcome], how: Scheduled) -> list[Report]:
    """Return a report for each distinct fault that nobody has accounted for, on its smallest example."""
    kinds: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.fault is not None and outcome.fault.known is None and outcome.subject is not None:
            kinds.setdefault((outcome.stack.name, outcome.fault.kind), []).append(outcome)
    reports = []
    for number, alike in enumerate(kinds.values(), 1):
        least = min(alike, key=_size)
        assert least.fault is not None
        assert least.subject is not None
        name = f"{number:02}-{least.stack.name}-{least.fault.verdict}"
        files = _files(least, least.subject, least.fault, alike, how)
        reports.append(Report(name, alike, least, least.subject, least.fault, files))
    return reports


def _size(outcome: Outcome) -> tuple[int, int]:
    assert outcome.subject is not None
    assert outcome.fault is not None
    return len(outcome.subject.source.requests), outcome.fault.deviations


def _files(
    outcome: Outcome, subject: Subject, fault: Fault, alike: Sequence[Outcome], how: Scheduled
) -> dict[str, str]:
    graph = outcome.stack.graph(subject.options, outcome.qemu.release)
    built = f" ({outcome.options})" * bool(str(outcome.options))
    title = f"QEMU {outcome.qemu.version}, {outcome.stack.says}{built}: {_headline(subject, fault)}"
    commands = [{"execute": c.name, "arguments": dict(c.arguments)} for c in graph.commands]
    files = {
        "fault.txt": "\n".join(_text(outcome, subject, fault, alike, graph, title)) + "\n",
        "log.ndjson": log_file.write(
            Header(subject.scenario, outcome.design, how.sight), list(fault.run.log)
        ),
        "workload.toml": dumps(subject.source),
        "commands.qmp": "".join(json.dumps(command) + "\n" for command in commands),
        "reproduce.py": script(case(outcome, subject, fault, graph, title)),
        "page.html": _page(subject, fault.run, fault.refusal, outcome.design),
    }
    return files


def _headline(subject: Subject, fault: Fault) -> str:
    if fault.verdict == CRASHED:
        return fault.reason
    right = accepted(subject, fault.refusal) if fault.refusal else []
    if right and fault.refusal is not None:
        return f"{fault.refusal.event.request} returns wrong data"
    return fault.reason


def _page(subject: Subject, run: QemuRun, refusal: Refusal | None, design: str) -> str:
    oracle = subject.oracle
    trace = witness.trace(oracle, list(run.log), refusal)
    told = Page(trace, oracle.case, design)
    page = FORMATS["html"](told)
    return page if isinstance(page, str) else page.decode()


def _text(
    outcome: Outcome, subject: Subject, fault: Fault, alike: Sequence[Outcome], graph: Graph, title: str
) -> Iterator[str]:
    yield title
    yield ""
    releases = sorted({f"{each.qemu.version} ({str(each.options) or 'plain'})" for each in alike})
    yield f"Seen on QEMU {', '.join(releases)}; on {', '.join(sorted({each.scenario for each in alike}))}."
    program = outcome.qemu.program(outcome.stack.program)
    yield "To see it again: python3 reproduce.py " + " ".join([*outcome.qemu.before, str(program)])
    yield "The stack is built by the QMP commands in commands.qmp; {folder}/gate is an NBD server"
    yield "(reproduce.py is one), whose exports are QEMU's disks, and whose transfers are held:"
    yield ""
    for number, step in enumerate(_steps(subject, fault.run, fault.refusal, graph.job), 1):
        yield f"{number:>3}  {step['says']}"
        if step["held"]:
            yield f"     QEMU now waits for {'; '.join(step['held'])}"
        if step["back"]:
            yield f"     returned so far: {', '.join(step['back'])}"
    yield ""
    check = _check(subject, fault)
    yield f"Expected: {check['expected']}."
    yield f"Seen: {fault.reason}."
    yield ""
    yield f"The same as the model {outcome.design} sees it:"
    if fault.refusal is not None:
        yield from refused(subject.oracle, fault.run.log, fault.refusal)
    else:
        yield from draw(fault.run.log, None)
    yield ""
    yield f"Replay: cowpath qemu --stack {outcome.stack.name} --scenario workload.toml --token {fault.token}"


# -- the reproducer


def script(about: Mapping[str, Any]) -> str:
    """Return the reproducer's text for a case."""
    modules = (replay_wires, replay_image, replay_case)
    *others, case = (Path(str(module.__file__)).read_text(encoding="utf-8") for module in modules)
    imports, parts = dict.fromkeys(_FUTURE), list[str]()
    for text in (*others, case):
        nodes = ast.parse(text).body
        first = next(i for i, node in enumerate(nodes) if not _leads(node))
        imports |= dict.fromkeys(
            ast.unparse(node) for node in nodes[1:first] if "cowpath" not in ast.unparse(node)
        )
        parts.append("".join(text.splitlines(keepends=True)[nodes[first].lineno - 1 :]))
    literal = pprint.pformat(about, width=100, sort_dicts=False)
    head = f'"""{ast.get_docstring(ast.parse(case))}\n"""\n'
    *parts, last = parts
    assert last.startswith(_CASE)
    filled = f"CASE: dict[str, Any] = {literal}\n"
    return "\n".join([head, *imports, "", filled, *parts, "", last.removeprefix(_CASE)])


def _leads(node: ast.stmt) -> bool:
    """Tell whether the statement is of a module's head: its docstring, or an import."""
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return docstring or isinstance(node, ast.Import | ast.ImportFrom)


def case(outcome: Outcome, subject: Subject, fault: Fault, graph: Graph, title: str) -> dict[str, Any]:
    """Return what the reproducer needs to know."""
    disks = disks_of(graph, subject.options)
    return {
        "title": title,
        "images": {name: _packed(image, graph.size) for name, image in graph.images.items()},
        "disks": {
            each.name: {
                "size": disks[each.name].size if graph.size else SIZE,
                "fill": each.fill,
                "parts": [list(part) for part in each.parts],
                "image": each.image and _packed(each.image, graph.size),
                "block": disks[each.name].block,
                "status": disks[each.name].tells_status,
                "discards": disks[each.name].discards,
            }
            for each in graph.disks
        },
        "behind": {
            name: {"fill": each.fill, "parts": [list(part) for part in each.parts]}
            for name, each in graph.behind.items()
        },
        "closing": [[each.name, dict(each.arguments)] for each in closing(graph.behind) if graph.behind],
        "events": EVENTS if graph.job else {},
        "clients": ["guest"] if graph.size else ["writer", "guest"],
        "structured": subject.options.structured,
        "commands": [[command.name, dict(command.arguments)] for command in graph.commands],
        "steps": list(_steps(subject, fault.run, fault.refusal, graph.job, outcome.stack.name)),
        "check": _check(subject, fault),
    }


def _packed(image: Image, size: int | None) -> str:
    """Return an image's content as text; the reproducer's long disks are not as long as ours."""
    return base64.b64encode(zlib.compress(replace(image, size=size or SIZE).to_bytes())).decode()


def _steps(
    subject: Subject, run: QemuRun, refusal: Refusal | None, job: QmpCommand | None, stack: str = ""
) -> Iterator[dict[str, Any]]:
    """Yield what was done, up to where the run was refused."""
    for doing in run.doings:
        if doing.job:
            yield _start(job, doing)
        else:
            yield _ask(subject, doing, stack) if doing.request is not None else _let(doing)
        if refusal is not None and doing.events > refusal.position:
            break


def _start(job: QmpCommand | None, doing: Doing) -> dict[str, Any]:
    assert job is not None
    qmp = [job.name, dict(job.arguments)]
    return {"ask": "the job", "qmp": qmp, "says": f"the job is started, over QMP: {job.name}",
            "held": list(doing.held), "back": list(doing.back)}  # fmt: skip


def _ask(subject: Subject, doing: Doing, stack: str) -> dict[str, Any]:
    assert doing.request is not None
    request = subject.scenario.requests[doing.request]
    step: dict[str, Any] = {"ask": request.label}
    if request.offset is None or request.length is None:
        step |= {"qmp": list(control(request, stack)), "says": f"{request.label} arrives, over QMP"}
        if request.kind == "stop" and stack == "fleecing":
            step["event"] = "BLOCK_JOB_CANCELLED"
    else:
        command, writes = client_command(request)
        at = [request.offset, request.offset + request.length]
        byte = written_by(subject.scenario, doing.request)
        step |= {
            "client": "writer" if writes else "guest",
            "command": command.name,
            "at": at,
            "byte": byte,
            "says": f"{request.label} arrives: {command.name} [{at[0]}, {at[1]})"
            + (f" of bytes 0x{byte:02x}" if command.name == "WRITE" else ""),
        }
    return step | {"open": doing.opened, "held": list(doing.held), "back": list(doing.back)}


def _let(doing: Doing) -> dict[str, Any]:
    done = "fails" if doing.error else "takes effect" if "not answered" not in doing.transfer else ""
    said = " and ".join(filter(None, (done, "is answered" if doing.answers else "")))
    return {
        "let": doing.transfer,
        "nth": doing.nth,
        "error": doing.error,
        "answer": doing.answers,
        "says": f"{doing.transfer} {said}",
        "held": list(doing.held),
        "back": list(doing.back),
    }


def _check(subject: Subject, fault: Fault) -> dict[str, Any]:
    """Return what must not be, and how to see whether it is."""
    if fault.kind.startswith(UNEQUAL):
        expected = "when the job has completed, source and target are the same"
        return {"kind": "equal", "request": "", "any_way": True, "expected": expected}
    if fault.verdict == CRASHED or fault.refusal is None:
        return {"kind": "crash", "request": "", "any_way": True, "expected": "QEMU lives"}
    event = fault.refusal.event
    right = accepted(subject, fault.refusal)
    if right:
        said = " or ".join(", ".join(f"{n} x 0x{byte:02x}" for n, byte in runs) for runs in right)
        snapshot = all(request.kind != "guest-write" for request in subject.scenario.requests)
        return {"kind": "data", "request": event.request, "right": right, "any_way": snapshot,
                "expected": f"{event.request} returns {said}"}  # fmt: skip
    if event.kind == "content":
        may = contents(subject, fault.refusal)
        said = " or ".join(
            ", ".join(f"{n} x " + (f"0x{byte:02x}" if byte >= 0 else "anything") for n, byte in runs)
            for runs in may
        )
        unwritten = (b"\0", bytes([ORIGINAL])) if subject.options.at_start else (b"", b"")
        return {"kind": "content", "request": "", "disk": event.fact("disk"), "right": may,
                "size": subject.scenario.size, "reads": unwritten,
                "expected": f"the {event.fact('disk')} has {said}"}  # fmt: skip
    if event.kind == "return":
        how = "fail" if event.fact("error") is not None else "return"
        return {"kind": "early", "request": event.request, "fails": event.fact("error") is not None,
                "expected": f"{event.request} does not {how} now"}  # fmt: skip
    if event.kind in ("rest", "step") and (held := event.fact("held") or [event.fact("transfer")])[0]:
        names = [
            f"{disk} {'WRITE' if wrote else 'READ'} {extent}"
            for disk, wrote, pieces in held
            for extent, _ in pieces
        ]
        return {"kind": "transfer", "request": "", "held": names,
                "expected": f"QEMU does not ask for all of {'; '.join(names)} now"}  # fmt: skip
    return {"kind": "hang", "request": "", "expected": "all requests return"}


def contents(subject: Subject, refusal: Refusal) -> list[list[list[int]]]:
    """Return what a job's disk may hold by the model, as runs of bytes; -1 for what may be anything."""
    oracle, disk = subject.oracle, refusal.event.fact("disk")
    spoilt = oracle.design.machine.spoilt.get(disk)
    nobody = len(oracle.roots)
    found: dict[tuple[int, ...], list[list[int]]] = {}
    for each in sorted(refusal.before.explaining, key=lambda one: one.state):
        parts = []
        for cell, ranges in enumerate(oracle.cells.ranges):
            value = oracle.value(each.state, disk, cell)
            byte = ORIGINAL if value == nobody else written_by(subject.scenario, value)
            if spoilt is not None and oracle.value(each.state, spoilt, cell):
                byte = -1
            parts += [(start, end, byte) for start, end in ranges]
        runs: list[list[int]] = []
        at = 0
        for start, end, byte in sorted(parts):
            for length, known in ((start - at, ORIGINAL), (end - start, byte)):
                if length and runs and runs[-1][1] == known:
                    runs[-1][0] += length
                elif length:
                    runs.append([length, known])
            at = end
        found.setdefault(tuple(byte for run in runs for byte in run), runs)
    return list(found.values())


def accepted(subject: Subject, refusal: Refusal) -> list[list[list[int]]]:
    """Return what a guest read that was refused may return by the model, as runs of bytes; or nothing."""
    event, oracle = refusal.event, subject.oracle
    if event.kind != "return" or event.fact("data") is None:
        return []
    owner = oracle.number[event.request]
    request = subject.scenario.requests[owner]
    assert request.offset is not None
    assert request.length is not None
    found: dict[bytes, None] = {}
    for each in sorted(refusal.before.explaining, key=lambda one: one.state):
        if oracle.place(each.state, owner) != "done":
            continue
        data = bytearray([ORIGINAL]) * request.length
        for reader, cell, value in each.read:
            if reader != owner:
                continue
            everyone = oracle.model.instance.sizes["Request"]  # parts of requests have numbers, too
            byte = ORIGINAL if value == everyone else written_by(subject.scenario, value)
            for start, end in oracle.cells.ranges[cell]:
                first, last = max(start - request.offset, 0), min(end - request.offset, request.length)
                if first < last:
                    data[first:last] = bytes([byte]) * (last - first)
        found.setdefault(bytes(data))
    return [[[len(run[0]), run[0][0]] for run in _RUNS.finditer(data)] for data in found]
