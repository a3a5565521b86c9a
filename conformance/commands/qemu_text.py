"""The outcomes of `qemu` as text: a table, what was not run, and each fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from cowpath.conformance.campaign.columns import draw, refused
from cowpath.conformance.qemu.faults import CRASHED
from cowpath.conformance.qemu.plan import EVERYTHING, EXPLAINED, UNFIT, Outcome
from cowpath.conformance.qemu.report import Report
from cowpath.model.commands.inputs import WIDTH, open_console
from cowpath.model.designs.release import written
from cowpath.model.render.text import wrap

_STYLE = {EXPLAINED: "green", "refused": "red", "crashed": "red"}


def show(
    outcomes: Sequence[Outcome], reports: Sequence[Report], folder: Path | None, *, interrupted: bool
) -> None:
    """Print the outcomes; `folder` is where the reports have been written, None if nowhere."""
    console = open_console()
    versions = list(dict.fromkeys(outcome.qemu.version for outcome in outcomes))
    console.print(_releases(outcomes, versions) if len(versions) > 1 else _scenarios(outcomes))
    lines = [*_judges(outcomes, versions), *_unfit(outcomes), *_known(outcomes), *_faults(reports, folder)]
    if interrupted:
        lines.append("Interrupted: what is not listed was not run.")
    runs, seconds = sum(o.runs for o in outcomes), sum(o.seconds for o in outcomes)
    lines.append(f"{runs:,} run{'s' * (runs != 1)} in all, {seconds:.1f} s.")
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False)
    for name in columns:
        table.add_column(name, no_wrap=True, justify="right" if name == "runs" else "left")
    return table


def _scenarios(outcomes: Sequence[Outcome]) -> Table:
    """Return a row for each scenario; where all is well on a variant of a stack, one for all of its."""
    version = f"QEMU {outcomes[0].qemu.version}" if outcomes else ""
    table = _table(version, "scenario", "runs", "")
    well: dict[str, list[Outcome]] = {}
    rows: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.verdict != UNFIT:
            few = bool(str(outcome.options)) and outcome.verdict == EXPLAINED
            (well if few else rows).setdefault(outcome.built, []).append(outcome)
    for built in dict.fromkeys(outcome.built for outcome in outcomes):
        for outcome in rows.get(built, []):
            table.add_row(built, outcome.scenario, _counted([outcome]), _verdict(outcome))
        if built in well:
            name = f"{len(well[built])} {'more ' * (built in rows)}scenario{'s' * (len(well[built]) != 1)}"
            table.add_row(built, name, _counted(well[built]), _verdict(well[built][0]))
    return table


def _counted(outcomes: Sequence[Outcome]) -> str:
    return f"{'all ' * all(o.all for o in outcomes)}{sum(o.runs for o in outcomes):,}"


def _verdict(outcome: Outcome) -> str:
    said = f"[{_STYLE.get(outcome.verdict, 'yellow')}]{outcome.verdict}[/]"
    if outcome.repeats:
        return f"{said}, {outcome.repeats:,} more given up as repeats"
    return f"{said}, {outcome.reason}" if 0 < len(outcome.reason) < 36 else said


def _releases(outcomes: Sequence[Outcome], versions: Sequence[str]) -> Table:
    """Return a table of releases against stacks and scenarios; where all is well a stack is one row."""
    table = _table("", "scenario", *versions)
    rows: dict[tuple[str, str], dict[str, str]] = {}
    absent: dict[tuple[str, str], str] = {}
    for outcome in outcomes:
        if outcome.scenario == EVERYTHING:
            absent[outcome.built, outcome.qemu.version] = outcome.verdict
        else:
            rows.setdefault((outcome.built, outcome.scenario), {})[outcome.qemu.version] = outcome.verdict
    same: dict[tuple[str, tuple[str, ...]], int] = {}
    for (built, scenario), verdicts in rows.items():
        found = tuple(verdicts.get(v) or absent.get((built, v), "\N{EN DASH}") for v in versions)
        if set(found) <= {EXPLAINED, UNFIT, "\N{EN DASH}"}:
            same[built, found] = same.get((built, found), 0) + (set(found) != {UNFIT})
        else:
            table.add_row(built, scenario, *map(_coloured, found))
    for (built, found), count in same.items():
        if count:
            table.add_row(built, f"{count} more scenario{'s' * (count != 1)}", *(map(_coloured, found)))
    return table


def _coloured(verdict: str) -> str:
    return f"[{_STYLE.get(verdict, 'dim')}]{verdict}[/]"


def _judges(outcomes: Sequence[Outcome], versions: Sequence[str]) -> Iterator[str]:
    """Yield which design each stack was judged by, one line for all QEMUs of which that is the same."""
    of: dict[str, list[str]] = {}
    for version in versions:
        stacks: dict[str, dict[str, None]] = {}
        for outcome in outcomes:
            if outcome.qemu.version == version and outcome.design and outcome.scenario != EVERYTHING:
                newest = outcome.stack.newest
                later = f" of {written(newest)}, the newest known" * (outcome.qemu.release[:2] > newest)
                stacks.setdefault(outcome.design + later, {})[outcome.stack.name] = None
        said = "; ".join(f"{', '.join(names)} by {design}" for design, names in stacks.items())
        of.setdefault(said, []).append(version)
    for said, among in of.items():
        if said:
            where = f"QEMU {', '.join(among)}: " if len(versions) > 1 else ""
            yield from wrap(f"Judged: {where}{said}.", WIDTH, "  ")
    if any(of):
        yield ""


def _unfit(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield what was not run, and why: once for each stack, however it was built."""
    reasons: dict[tuple[str, str], dict[str, None]] = {}
    for outcome in outcomes:
        if outcome.verdict == UNFIT:
            everything = outcome.scenario == EVERYTHING
            where = f"{outcome.built} of QEMU {outcome.qemu.version}" if everything else outcome.stack.name
            reasons.setdefault((where, outcome.reason), {})[outcome.scenario] = None
        elif outcome.verdict not in _STYLE:
            yield from wrap(f"{outcome.built}, '{outcome.scenario}': {outcome.reason}.", WIDTH, "  ")
    if reasons:
        yield "Not run:"
    for (where, reason), scenarios in reasons.items():
        yield from wrap(f"  {where}: {reason}: {', '.join(scenarios)}.", WIDTH, "    ")
    if reasons:
        yield ""


def _known(outcomes: Sequence[Outcome]) -> Iterator[str]:
    known = dict.fromkeys(known for outcome in outcomes for known, _ in outcome.known)
    if known:
        yield "Refused, and known: there the models say less than QEMU does; it is no fault of QEMU."
    for each in known:
        yield from wrap(f"  {each}.", WIDTH, "      ")
    if known:
        yield ""


def _faults(reports: Sequence[Report], folder: Path | None) -> Iterator[str]:
    for number, report in enumerate(reports, 1):
        example, fault, subject = report.example, report.fault, report.subject
        yield f"{number}. {example.built}, QEMU {example.qemu.version}, '{example.scenario}': {fault.verdict}"
        if fault.refusal is not None:
            yield from refused(subject.oracle, fault.run.log, fault.refusal)
        else:
            yield from draw(fault.run.log, None)
        if fault.refusal is None or fault.verdict == CRASHED:
            yield from wrap(fault.reason, WIDTH, "  ")
        yield f"token {fault.token}"
        others = dict.fromkeys(
            f"{o.built} of {o.qemu.version} on '{o.scenario}'" for o in report.outcomes if o is not example
        )
        if others:
            yield from wrap(f"the same: {'; '.join(others)}.", WIDTH, "  ")
        if folder is not None:
            yield f"written to {folder / report.name}: {', '.join(report.files)}"
        yield ""
