"""The command `qemu`: runs of a real QEMU held against the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from cowpath.conformance.campaign.alarm import CanaryError
from cowpath.conformance.campaign.kept import refuse_parts, resumed
from cowpath.conformance.commands import qemu_text
from cowpath.conformance.qemu.binaries import Qemu, at_prefix, from_binary, installed
from cowpath.conformance.qemu.campaign import campaign
from cowpath.conformance.qemu.faults import CRASHED, REFUSED
from cowpath.conformance.qemu.nodes import UNIT, Options
from cowpath.conformance.qemu.plan import EXPLAINED, UNFIT, Outcome, Plan, Progress
from cowpath.conformance.qemu.report import Report, reported
from cowpath.conformance.qemu.stacks import FILTERS, STACKS, VARIANTS
from cowpath.conformance.qemu.walk import Scheduled
from cowpath.conformance.runs import log_file
from cowpath.conformance.runs.log import Sight
from cowpath.conformance.runs.log_file import Header
from cowpath.conformance.scheduler.schedule import Schedule
from cowpath.conformance.strategies.portfolio import STRATEGIES
from cowpath.model.commands import files
from cowpath.model.commands.answering import RESUME_CAMPAIGN
from cowpath.model.commands.inputs import find_designs
from cowpath.model.designs import ALL
from cowpath.model.designs.release import parse_release
from cowpath.model.language.errors import InputError
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios import bundled, find
from cowpath.model.scenarios.mirror import BACKINGS, COPY_MODES

_SIGHTS = ("black", "grey")


@click.command(name="qemu", short_help="Hold runs of a real QEMU against the model.")
@click.argument("design", required=False, metavar="[DESIGN|FILE.py]")
@click.option(
    "--release", metavar="X.Y", help="Judge by the designs of this release of QEMU. Default: the QEMU's own."
)
@click.option(
    "--stack", "stacks", multiple=True, type=click.Choice([*STACKS]), help="May be repeated. Default: all."
)
@click.option("--binary", "binaries", multiple=True, metavar="PATH", help="A QEMU program. May be repeated.")
@click.option(
    "--prefix",
    "prefixes",
    multiple=True,
    metavar="DIR",
    help="Where a QEMU's (usr/)bin is; maybe only unpacked.",
)
@click.option(
    "--scenario", "scenarios", multiple=True, metavar="NAME|FILE.toml", help="Default: all bundled that fit."
)
@click.option(
    "--schedules",
    type=click.IntRange(min=1),
    metavar="N",
    help="For each stack, over its scenarios. Default: 2000.",
)
@click.option("--exhaustive", is_flag=True, help="All interleavings of transfers instead.")
@click.option(
    "--drawn", type=click.IntRange(min=0), metavar="N",
    help="Draw so many workloads for each stack, too. Default: 60; with --scenario, --exhaustive: none.",
)  # fmt: skip
@click.option(
    "--strategy", type=click.Choice([*STRATEGIES]), help="Who chooses the schedules. Default: portfolio."
)
@click.option(
    "--sight", type=click.Choice(_SIGHTS), default="black", show_default=True,
    help="What is judged: black, what clients see; grey, transfers and who is held, too.",
)  # fmt: skip
@click.option("--answers-apart", "apart", is_flag=True, help="A transfer and its answer are two choices.")
@click.option(
    "--target", type=click.Choice(["raw", "qcow2"]), default="raw", show_default=True,
    help="The format that cbw and mirror copy to; the other stacks need an overlay, qcow2.",
)  # fmt: skip
@click.option(
    "--cluster", type=click.Choice(["64", "128", "256", "1024", "2048"]), default="64", show_default=True,
    help="KiB; the qcow2 target's cluster, hence the unit of copying.",
)  # fmt: skip
@click.option(
    "--filter", "filters", multiple=True, type=click.Choice(FILTERS),
    help="A node between the source and what copies. May be repeated.",
)  # fmt: skip
@click.option(
    "--structured", is_flag=True, help="The reader asks for structured replies: it reads by status."
)
@click.option("--status", is_flag=True, help="The disks tell their block status.")
@click.option("--discards", is_flag=True, help="All nodes pass discards on.")
@click.option("--iothread", is_flag=True, help="The exports are served by a thread of their own.")
@click.option("--cbw-timeout", type=click.IntRange(min=0), default=0, metavar="SECONDS", help="Of cbw; 7.1.")
@click.option(
    "--granularity", type=click.Choice([str(4 << n) for n in range(10)]), default="64", show_default=True,
    help="KiB; a mirror's unit of copying.",
)  # fmt: skip
@click.option("--copy-mode", type=click.Choice(COPY_MODES), help="Of a mirror. Default: the scenario's.")
@click.option(
    "--sync", type=click.Choice(["full", "top", "none"]), help="Of a mirror. Default: what is dirty demands."
)
@click.option(
    "--backing", type=click.Choice(BACKINGS[1:]),
    help="What a mirror's target has behind it, opened or only named. Default: the scenario's.",
)  # fmt: skip
@click.option("--plain", is_flag=True, help="The stacks as they are, none of the usual variants of them.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of what is random.")
@click.option("--token", metavar="TOKEN", help="Replay a run. Needs one --scenario and one --stack.")
@click.option("--log", "folder", metavar="DIR", help="Write each failing run, else the last, as a log there.")
@click.option("--report", "report", metavar="DIR", help="Write all about each fault there: what to file.")
@click.option("--json", "json_path", metavar="OUT", help="Write the outcomes there ('-': to stdout).")
@RESUME_CAMPAIGN
def qemu_command(**given: Any) -> None:
    """Put QEMU's block layer together as users do, hold its transfers, and judge what it does.

    QEMU's disks are ours: every transfer waits until it is let go, in every order. Without arguments: all
    stacks, bundled scenarios and drawn ones, with the QEMU that is installed. Several QEMUs: a table. Exit
    status 0 if all is explained, 1 if something is refused or QEMU died, 3 if it was cut short, 2 for bad
    input.
    """
    wanted = _Wanted(**given)
    if wanted.folder is not None:
        refuse_parts("--log writes runs, of which only those with a fault are made again")
    if resumed() and wanted.design is not None and wanted.design not in ALL:
        raise InputError(f"--resume: what {wanted.design} loads beside itself is not known; accepted: names")
    outcomes: list[Outcome] = []
    interrupted = False
    files.check_json(wanted.json_path)
    logs, folder = (
        None if path is None else files.make_folder(path, option)
        for path, option in ((wanted.folder, "--log"), (wanted.report, "--report"))
    )
    plan = wanted.plan()
    with Console(stderr=True).status("") as status:
        try:
            for outcome in campaign(plan, lambda progress: status.update(Text(_progress(progress)))):
                outcomes.append(outcome)
        except KeyboardInterrupt:
            interrupted = True
        except CanaryError as error:
            click.echo(f"undetermined: {error}")
            raise SystemExit(Verdict.UNDETERMINED.exit_status) from None
    verdict = _verdict(outcomes, interrupted)
    reports = reported(outcomes, plan.how)
    _write(wanted, plan, outcomes, reports, logs, folder)
    if wanted.json_path != "-":
        qemu_text.show(outcomes, reports, folder, interrupted=interrupted)
    raise SystemExit(verdict.exit_status)


@dataclass(frozen=True)
class _Wanted:
    """What the user asked for, as it was given."""

    design: str | None
    release: str | None
    stacks: tuple[str, ...]
    binaries: tuple[str, ...]
    prefixes: tuple[str, ...]
    scenarios: tuple[str, ...]
    schedules: int | None
    exhaustive: bool
    drawn: int | None
    strategy: str | None
    sight: str
    apart: bool
    target: str
    cluster: str
    filters: tuple[str, ...]
    structured: bool
    status: bool
    discards: bool
    iothread: bool
    cbw_timeout: int
    granularity: str
    copy_mode: str | None
    sync: str | None
    backing: str | None
    plain: bool
    seed: int
    token: str | None
    folder: str | None
    report: str | None
    json_path: str | None

    def plan(self) -> Plan:
        """Return what to run. Raises InputError."""
        if self.exhaustive and (self.schedules or self.strategy):
            raise InputError("--exhaustive makes all runs; accepted: without --schedules and --strategy")
        if self.design is not None and self.release is not None:
            raise InputError(f"--release: stands for a design; accepted: it, or {self.design}, not both")
        if self.token is not None and (len(self.stacks) != 1 or len(self.scenarios) != 1 or self.exhaustive):
            raise InputError("--token replays one run; accepted: with one --stack and one --scenario")
        if self.backing is not None and self.target == "raw":
            raise InputError("--backing is of a target that is an overlay; accepted: with --target qcow2")
        if self.cluster != "64" and self.target == "raw" and self.stacks in ((), ("cbw",), ("mirror",)):
            raise InputError("--cluster is the target's; accepted: with --target qcow2")
        chosen = Options(
            target=self.target,
            cluster=int(self.cluster) * 1024 if self.cluster != "64" else UNIT,
            filters=self.filters,
            structured=self.structured,
            status=self.status,
            discards=self.discards,
            iothread=self.iothread,
            cbw_timeout=self.cbw_timeout,
            granularity=int(self.granularity) * 1024,
            copy_mode=self.copy_mode or "",
            sync=self.sync or "",
            backing=self.backing or "none",
        )
        options: tuple[Options, ...] = (chosen,)
        if chosen == Options() and not (self.exhaustive or self.token or self.plain):
            options += VARIANTS
        drawn = 0 if self.scenarios or self.exhaustive or self.token else 60
        return Plan(
            self._qemus(),
            tuple(STACKS[name] for name in dict.fromkeys(self.stacks)) or tuple(STACKS.values()),
            tuple(find(name) for name in dict.fromkeys(self.scenarios)) or bundled(),
            options,
            None if self.design is None else find_designs([self.design])[0],
            Scheduled(Sight(self.sight), self.apart),
            self.schedules or 2000,
            drawn if self.drawn is None else self.drawn,
            self.strategy or "portfolio",
            self.exhaustive,
            self.seed,
            None if self.token is None else Schedule.parse(self.token),
            None if self.release is None else parse_release(self.release),
        )

    def _qemus(self) -> tuple[Qemu, ...]:
        found = [*map(from_binary, self.binaries), *map(at_prefix, self.prefixes)]
        return tuple(found) or (installed(),)


def _progress(progress: Progress) -> str:
    rate = f", {progress.runs / progress.seconds:,.0f}/s" if progress.runs and progress.seconds else ""
    return f"QEMU {progress.qemu}, {progress.stack} on '{progress.scenario}': {progress.runs:,} runs{rate}"


def _write(
    wanted: _Wanted, plan: Plan, outcomes: Sequence[Outcome], reports: Sequence[Report],
    logs: Path | None, folder: Path | None,
) -> None:  # fmt: skip
    files.write_json(wanted.json_path, [as_json(outcome, reports) for outcome in outcomes])
    for outcome in outcomes:
        if logs is not None and outcome.told is not None and outcome.last is not None:
            header = Header(outcome.told, outcome.design, plan.how.sight)
            slug = outcome.told.slug or outcome.scenario.replace(" ", "-")
            built = re.sub(r"\W+", "-", outcome.built)
            name = f"{outcome.qemu.version}-{built}-{slug}.ndjson"
            files.write(logs / name, log_file.write(header, outcome.last.log))
    if folder is not None:
        for report in reports:
            where = files.make_folder(str(folder / report.name), "--report")
            for name, content in report.files.items():
                files.write(where / name, content)


def as_json(outcome: Outcome, reports: Sequence[Report]) -> dict[str, Any]:
    """Return an outcome as the command's --json has it."""
    fault = outcome.fault
    script: Callable[[], str | None] = lambda: next(  # noqa: E731
        (f"{r.name}/reproduce.py" for r in reports if fault is not None and r.covers(outcome)), None
    )
    return {
        "qemu": outcome.qemu.version,
        "stack": outcome.stack.name,
        "options": str(outcome.options),
        "design": outcome.design,
        "scenario": outcome.scenario,
        "verdict": outcome.verdict,
        "reason": outcome.reason or None,
        "runs": outcome.runs,
        "seconds": round(outcome.seconds, 3),
        "failure": fault
        and {
            "token": fault.token,
            "deviations": fault.deviations,
            "reason": fault.reason,
            "script": script(),
        },
    }


def _verdict(outcomes: Sequence[Outcome], interrupted: bool) -> Verdict:
    """Return the whole's verdict; what no stack runs is bad input. Raises InputError."""
    if any(outcome.verdict in (REFUSED, CRASHED) for outcome in outcomes):
        return Verdict.VIOLATED
    if interrupted or any(o.verdict not in (EXPLAINED, UNFIT) for o in outcomes):
        return Verdict.UNDETERMINED
    if all(outcome.verdict == UNFIT for outcome in outcomes):
        raise InputError(f"nothing to run: {outcomes[0].reason}" if outcomes else "nothing to run")
    return Verdict.HOLDS
