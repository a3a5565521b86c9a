"""The command `prove`: theorems for any number of requests and clusters."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from ctypes import c_bool, c_ulong
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from cowpath.model.bench import kept_theorems
from cowpath.model.bench.invariants import Found, find
from cowpath.model.bench.theorems import (
    ANY,
    INTERRUPTED,
    BrokenInvariant,
    Keep,
    Theorem,
    prove,
    theorems_of,
    uses,
)
from cowpath.model.commands import files
from cowpath.model.commands.answering import FRESH, RESUME
from cowpath.model.commands.by_release import for_release
from cowpath.model.commands.inputs import find_designs, status_line
from cowpath.model.commands.prove_text import as_json, show_found, show_theorems, show_uses
from cowpath.model.designs import DESIGNS, Design
from cowpath.model.explore.interrupts import SIGNALS, interrupts
from cowpath.model.kept import answers
from cowpath.model.language.errors import InputError, hint, shown
from cowpath.model.language.verdict import Verdict, worst
from cowpath.model.prove.prover import RLIMIT, Poll
from cowpath.model.prove.rank import TERMINATION
from cowpath.model.prove.theorem import Use
from cowpath.model.prove.theory import DEADLOCK
from cowpath.model.render import text
from cowpath.model.scenarios import bundled

_T = TypeVar("_T")


@click.command(name="prove", short_help="Prove or refute theorems for any number of requests.")
@click.argument("names", metavar="[DESIGN|FILE.py]...", nargs=-1)
@for_release("names")
@click.option(
    "--theorem",
    "theorems",
    multiple=True,
    metavar="T",
    help=f"{DEADLOCK}, {TERMINATION}, or a property such as snapshot. Default: all of a design's proof.",
)
@click.option("--json", "json_path", metavar="OUT", help="Write the results there as JSON ('-': to stdout).")
@click.option("--smt2", "folder", metavar="DIR", help="Write every obligation there as SMT-LIB 2.")
@click.option(
    "--uses",
    "wants_uses",
    is_flag=True,
    help="Leave out each restriction, invariant and guard in turn; say what falls.",
)
@click.option(
    "--find",
    "finds",
    is_flag=True,
    help="Find invariants by explored states and Houdini; say which of the design's own follow from them.",
)
@click.option(
    "--rlimit",
    type=click.IntRange(min=1),
    default=RLIMIT,
    show_default=True,
    help="z3's units of work for one obligation; where they do not suffice, the theorem is undetermined.",
)
@FRESH
@RESUME
def prove_command(
    names: tuple[str, ...],
    theorems: tuple[str, ...],
    json_path: str | None,
    folder: str | None,
    wants_uses: bool,
    finds: bool,
    rlimit: int,
) -> None:
    """Prove theorems for any number of requests and clusters, or refute them.

    Without arguments: every design. Exit status 0 if all are proved, 1 if one is refuted, 3 if one is
    undetermined, 2 for bad input. With --uses or --find: 0, or 3 if interrupted.
    """
    chosen = find_designs(names)
    paths = dict(zip([design.name for design in chosen], dict.fromkeys(names) or DESIGNS, strict=True))
    wanted = tuple(dict.fromkeys(theorems))
    _check_theorems(chosen, wanted)
    given = [
        o for o, yes in (("--smt2", folder is not None), ("--uses", wants_uses), ("--find", finds)) if yes
    ]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)}: give one of them, each is about other proofs")
    if given and (known := answers.current()) is not None and known.resumed:
        raise InputError(f"{given[0]} and --resume: nothing of what that finds is kept; give one of them")
    files.check_json(json_path)
    scripts = None if folder is None else files.make_folder(folder, "--smt2")
    try:
        if wants_uses:
            status = _look(paths, partial(_uses_of, theorems=wanted, rlimit=rlimit), show_uses, json_path)
        elif finds:
            status = _look(paths, partial(_found_of, theorems=wanted, rlimit=rlimit), show_found, json_path)
        else:
            status = _prove(chosen, paths, wanted, rlimit, scripts, json_path)
    except BrokenInvariant as error:
        if error.trace is not None:
            rendered = text.render(error.trace, "claimed of every state that can be reached")
            click.echo(rendered, nl=False, err=json_path == "-")
        raise
    raise SystemExit(status)


def _prove(
    chosen: Sequence[Design],
    paths: Mapping[str, str],
    theorems: tuple[str, ...],
    rlimit: int,
    folder: Path | None,
    json_path: str | None,
) -> int:
    began = time.perf_counter()
    keep = None if folder is None else partial(_keep, folder)
    wanted = {design.name: theorems_of(design, theorems) for design in chosen}
    kept: dict[str, list[Theorem]] = {}
    for design in chosen if keep is None else ():
        if (known := kept_theorems.recall(design, wanted[design.name], rlimit, bundled())) is not None:
            kept[design.name] = known
    left = {name: path for name, path in paths.items() if name not in kept}
    designs = {design.name: design for design in chosen}

    def done(name: str, work: Work[Theorem]) -> None:
        proved, cut = work
        if not cut:
            kept_theorems.keep(designs[name], wanted[name], rlimit, proved)

    made = _run(left, partial(_theorems_of, theorems=theorems, rlimit=rlimit, keep=keep), done)
    found = {name: (kept[name], "") if name in kept else made[name] for name in paths}
    results = [
        each
        for name, (proved, cut) in found.items()
        for each in (*proved, *_left(name, [t for t in wanted[name] if t not in _names(proved)], cut))
    ]
    seconds = time.perf_counter() - began
    if files.write_json(json_path, [as_json(result) for result in results]):
        show_theorems(chosen, results, seconds)
        if kept:
            click.echo(f"Kept from an earlier run: {', '.join(kept)}; --fresh proves again.")
    return worst(result.verdict for result in results).exit_status


def _check_theorems(chosen: Sequence[Design], named: Sequence[str]) -> None:
    known = dict.fromkeys(t for design in chosen for t in theorems_of(design, ()))
    for name in named:
        if name not in known:
            raise InputError(f"--theorem: {shown(name)}{hint(name, known)}; accepted: {', '.join(known)}")
    for design in chosen:
        if design.proof is None:
            click.echo(
                f"{design.name} brings no argument (ProofOutline: invariants, levels): what is tried is "
                f"whether {', '.join(theorems_of(design, named))} follow from its text alone.",
                err=True,
            )


def _names(proved: Sequence[Theorem]) -> set[str]:
    return {theorem.theorem for theorem in proved}


def _look(
    paths: Mapping[str, str],
    work: Callable[[Design, Poll], Iterator[Any]],
    show: Callable[[str, Sequence[Any]], None],
    json_path: str | None,
) -> int:
    """Show, design by design, what comes of work that is no proof; return the exit status."""
    found = _run(paths, work)
    if files.write_json(
        json_path, {name: [asdict(each) for each in all_] for name, (all_, _) in found.items()}
    ):
        for name, (each, cut) in found.items():
            if cut:
                click.echo(f"{name}: undetermined, {_CUT[cut]}")
            if each and (not cut or show is show_found):
                show(name, each)
    complete = not any(cut for _, cut in found.values())
    return (Verdict.HOLDS if complete else Verdict.UNDETERMINED).exit_status


def _left(design: str, theorems: Sequence[str], cut: str) -> Iterator[Theorem]:
    """Yield the theorems that nothing came of: the work was cut short."""
    for theorem in theorems:
        yield Theorem(design, theorem, ANY, Verdict.UNDETERMINED, 0.0, (), (), (cut,))


# -- in a process of its own


Work = tuple[list[_T], str]
"""What the work on a design yielded, and what cut it short, if anything did."""
KILLED = "what was left when its process was killed"
_CUT = {INTERRUPTED: "it was interrupted", KILLED: "its process was killed"}


def _theorems_of(
    design: Design, poll: Poll, *, theorems: tuple[str, ...], rlimit: int, keep: Keep | None
) -> Iterator[Theorem]:
    return prove(design, theorems_of(design, theorems), bundled(), rlimit=rlimit, keep=keep, poll=poll)


def _uses_of(design: Design, poll: Poll, *, theorems: tuple[str, ...], rlimit: int) -> Iterator[Use]:
    return uses(design, theorems_of(design, theorems), rlimit, poll)


def _found_of(design: Design, poll: Poll, *, theorems: tuple[str, ...], rlimit: int) -> Iterator[Found]:
    found = find(design, theorems_of(design, theorems), bundled(), rlimit=rlimit, poll=poll)
    yield found
    if found.open is not None:
        raise KeyboardInterrupt


class _Process:
    """What a process shares with the one that the user sees: whether to stop, how many proofs it tried.

    Bare memory, each written by one process: one that is killed would take a lock with it.
    """

    interrupt: c_bool
    proofs: c_ulong

    @classmethod
    def attach(cls, interrupt: c_bool, proofs: c_ulong) -> None:
        """Take what is shared. From here on the process ends when it is told to, or with its parent."""
        cls.interrupt, cls.proofs = interrupt, proofs
        threading.Thread(target=_end_with_parent, daemon=True).start()

    @classmethod
    def poll(cls) -> None:
        cls.proofs.value += 1
        if cls.interrupt.value:
            raise KeyboardInterrupt


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(Verdict.UNDETERMINED.exit_status)


def _collect(path: str, work: Callable[[Design, Poll], Iterator[_T]]) -> Work[_T]:
    """Return what the work yields. A design goes by name or file: it is no data."""
    found: list[_T] = []
    try:
        for each in work(find_designs([path])[0], _Process.poll):
            found.append(each)
    except KeyboardInterrupt:
        return found, INTERRUPTED
    return found, ""


def _run(
    paths: Mapping[str, str],
    work: Callable[[Design, Poll], Iterator[_T]],
    done: Callable[[str, Work[_T]], None] = lambda name, work: None,
) -> dict[str, Work[_T]]:
    """Do the work for each design, on all cores; the results are in order, whoever is first.

    `done` is told of each as soon as it is. Each in a new process: what z3 answers may depend on what it was
    asked before. On Ctrl-C, or where one fails, those at work end with what they know: they are told, not
    struck, wherever they are. What was not known of a design whose process is killed is left open.
    """
    context = multiprocessing.get_context("spawn")
    interrupt, proofs = context.RawValue(c_bool, False), list[c_ulong]()
    console = Console(stderr=True)
    queue, futures = list(paths), dict[str, Future[Work[_T]]]()
    told: set[str] = set()

    def stop() -> None:
        interrupt.value = True

    with interrupts(stop), console.status("") if console.is_terminal else nullcontext() as status:
        while True:
            at_work = [name for name, future in futures.items() if not future.done()]
            if any(future.done() and _failed(future) for future in futures.values()):
                stop()
            for name in futures.keys() - told - {*at_work}:
                told.add(name)
                if not _failed(futures[name]):
                    done(name, _result(futures[name]))
            while queue and len(at_work) < (os.cpu_count() or 1) and not interrupt.value:
                at_work.append(name := queue.pop(0))
                proofs.append(context.RawValue(c_ulong, 0))
                pool = ProcessPoolExecutor(1, context, _Process.attach, (interrupt, proofs[-1]))
                with _deaf():
                    futures[name] = pool.submit(_collect, paths[name], work)
                pool.shutdown(wait=False)  # when that is done
            if not at_work:
                return {name: _result(futures.get(name)) for name in paths}
            if status is not None:
                tried = sum(each.value for each in proofs)
                words = f"{len(futures) - len(at_work)} of {len(paths)} designs, {tried:,} proofs"
                status.update(status_line(f"{words}; {', '.join(at_work)}"))
            wait([futures[name] for name in at_work], timeout=0.2, return_when=FIRST_COMPLETED)


def _failed(future: Future[Work[_T]]) -> bool:
    error = future.exception()
    return error is not None and not isinstance(error, BrokenProcessPool)


def _result(future: Future[Work[_T]] | None) -> Work[_T]:
    if future is None:
        return [], INTERRUPTED
    try:
        return future.result()
    except BrokenProcessPool:
        return [], KILLED


@contextmanager
def _deaf() -> Iterator[None]:
    """Put signals to end off for a moment; processes started meanwhile put them off for good."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _keep(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, script)
