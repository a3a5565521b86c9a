"""The commands of the implementation and the harness: serve, replay, mutants."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path

import click

import impl
from conformance.mutants.cli import mutants
from conformance.replay import Confirmation, confirm
from conformance.scheduler.kernel import Kernel, Substrate
from conformance.scheduler.schedule import Replay, ReplayError, Schedule
from conformance.scheduler.substrate import Greenlets, PooledThreads
from conformance.workload import Run, Workload
from impl.design import Geometry
from impl.designs import DESIGNS
from impl.stack import Stack
from model.check import check
from model.designs import DESIGNS as MODELS
from model.output import OutputError, make_folder
from model.planning import REDUCE
from model.scenarios import ScenarioError, find
from model.scenarios.geometry import reduce as smallest
from model.scenarios.geometry import unreduced
from model.scenarios.sizes import parse_size
from model.stack.properties import MEANING, STANDARD
from model.terminal import read_trace
from model.trace.text import conclusion, wrap

WIDTH = 100
SUBSTRATES: dict[str, Callable[[], Substrate]] = {"threads": PooledThreads, "greenlets": Greenlets}

_DESIGN = click.argument("design", metavar="DESIGN", type=click.Choice(list(DESIGNS)))


class _Size(click.ParamType[int]):
    name = "SIZE"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        where = param.opts[0] if param else "size"
        try:
            size = parse_size(int(value) if value.isascii() and value.isdigit() else value, where)
        except ScenarioError as error:
            raise click.UsageError(str(error)) from None
        if size < 1:
            raise click.UsageError(f"{where}: {value}; accepted: 1B or more")
        return size


@click.command(short_help="Export the threaded block stack over NBD.")
@_DESIGN
@click.argument("folder")
@click.option("--size", type=_Size(), help="Length of the disks. Default: that of FOLDER/secondary.img.")
@click.option("--cluster", type=_Size(), default="64KiB", show_default=True, help="The job's copy unit.")
@click.option(
    "--request-alignment", type=_Size(), default="1B", show_default=True, help="Of the secondary's node."
)
@click.option(
    "--protocol-alignment", type=_Size(), default="1B", show_default=True, help="Of the node below it."
)
@click.option("--copy-on-read", is_flag=True, help="The secondary's node copies on read.")
@click.option("--break-snapshot", is_flag=True, help="on-cbw-error, copy-before-write-7.0 only.")
@click.option(
    "--delay",
    type=click.FloatRange(min=0),
    default=0,
    metavar="SECONDS",
    help="Every step of a request takes up to so long, as on a slow disk.",
)
@click.option("--socket", metavar="PATH", help="Default: FOLDER/nbd.sock.")
@click.option("--run", metavar="COMMAND", help="Serve while a shell command runs, with $uri and $unixsocket.")
def serve(
    design: str,
    folder: str,
    size: int | None,
    cluster: int,
    request_alignment: int,
    protocol_alignment: int,
    copy_on_read: bool,
    break_snapshot: bool,
    delay: float,
    socket: str | None,
    run: str | None,
) -> None:
    """Export the threaded block stack over NBD: its disks are files in FOLDER, which is made if need be.

    Exports: secondary (the default; the primary writes there), guest (what the guest sees), and control: to
    write the word checkpoint or stop there does it. Where QEMU would hang or crash the server says so on
    stderr and ends. Needs nbdkit with its Python plugin.
    """
    nbdkit = shutil.which("nbdkit")
    if nbdkit is None:
        raise click.UsageError("nbdkit is not installed; on Debian: apt install nbdkit nbdkit-plugin-python")
    if break_snapshot and design != "copy-before-write-7.0":
        raise click.UsageError("--break-snapshot: only copy-before-write-7.0 has it")
    try:
        disks = make_folder(folder, "FOLDER").resolve()
        geometry = Geometry(
            size or _length(disks / "secondary.img"),
            cluster,
            request_alignment,
            protocol_alignment,
            copy_on_read,
            break_snapshot,
        )
        Stack(disks, design, geometry).close()
    except (OutputError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.UsageError(f"{error.filename or folder}: {error.strerror}") from None
    settings = {"folder": disks, "design": design, "delay": delay, "geometry": json.dumps(vars(geometry))}
    plugin = str(Path(impl.__file__).with_name("plugin.py"))
    command = [nbdkit, "--foreground", "--exit-with-parent"]
    if run is None:
        path = Path(socket) if socket else disks / "nbd.sock"
        command += ["--unix", str(path.absolute())]
        for export in ("secondary", "guest", "control"):
            click.echo(f"{export:<9} nbd+unix:///{export}?socket={path}")
    else:
        command += ["--unix", "-", "--run", run]
    sys.stdout.flush()
    os.execv(nbdkit, [*command, "python", plugin, *(f"{name}={value}" for name, value in settings.items())])


def _length(disk: Path) -> int:
    if not disk.exists() or not disk.stat().st_size:
        raise ValueError(f"{disk} is not there to tell a length: give --size")
    return disk.stat().st_size


@click.command(short_help="Run a trace of the model on the threads, and show both.")
@_DESIGN
@click.option("--scenario", "wanted", required=True, metavar="NAME|FILE.toml", help="What is submitted.")
@click.option(
    "--property",
    "wanted_property",
    metavar="P",
    type=click.Choice(STANDARD),
    help="Whose counterexample. Default: the shortest of all.",
)
@click.option("--token", metavar="TOKEN", help="Replay a recorded run instead of a counterexample.")
@click.option("--trace", "recorded", metavar="FILE.json", help="Replay a recorded trace of the model.")
@REDUCE
@click.option(
    "--on",
    "substrate",
    type=click.Choice(list(SUBSTRATES)),
    default="threads",
    show_default=True,
    help="Real threads, or greenlets, which switch faster.",
)
def replay(
    design: str,
    wanted: str,
    wanted_property: str | None,
    token: str | None,
    recorded: str | None,
    reduce: bool,
    substrate: str,
) -> None:
    """Run a counterexample, or any trace of the model, on the threaded block stack, and show both.

    Exit status 0 if the threads do what the model says, or there is nothing to replay; 1 if they do not; 2
    for bad input.
    """
    if sum(each is not None for each in (wanted_property, token, recorded)) > 1:
        raise click.UsageError("--property, --token and --trace each say what to replay; give one of them")
    try:
        scenario = find(wanted)
        workload = Workload(design, scenario, Kernel(SUBSTRATES[substrate]()))
        if token is not None:
            _show_run(workload.run(Replay(Schedule.parse(token))))
            return
    except (ScenarioError, ReplayError) as error:
        raise click.UsageError(str(error)) from None
    geometry = (smallest if reduce else unreduced)(scenario)
    if recorded is not None:
        traces = [read_trace(recorded, MODELS[design], scenario, geometry)]
    else:
        properties = (wanted_property,) if wanted_property else STANDARD
        result = check(MODELS[design], scenario, geometry, properties=properties)
        traces = [outcome.trace for outcome in result.properties.values() if outcome.trace is not None]
        if not traces:
            click.echo(f"{design} on '{scenario.name}': no counterexample; {', '.join(properties)} holds")
            return
    confirmation = confirm(min(traces, key=lambda trace: len(trace.steps)), workload)
    _show_confirmation(confirmation)
    raise SystemExit(1 if confirmation.departure else 0)


def _show_confirmation(confirmation: Confirmation) -> None:
    trace, run = confirmation.trace, confirmation.run
    what = trace.property or "a walk"
    click.echo(f"{trace.design} on '{trace.scenario}': {what}; the model's trace, and the threads")
    rows = [
        (step.owner if step else event.request, step.action if step else "", event.label if event else "")
        for step, event in zip_longest(trace.steps, run.events)
    ]
    who, said = (max(len(row[i]) for row in rows) for i in (0, 1))
    for number, (owner, label, made) in enumerate(rows, 1):
        click.echo(f"{number:>3}  {owner:<{who}}  {label:<{said}}  {made}".rstrip())
    click.echo(_wrapped(f"model: {conclusion(trace, MEANING.get(trace.property, ''))}"))
    click.echo(_wrapped(f"threads: {_ending(run)}"))
    click.echo(
        _wrapped(f"They differ: {confirmation.departure}." if confirmation.departure else "They agree.")
    )
    click.echo(f"token {run.schedule}")


def _show_run(run: Run) -> None:
    who = max((len(event.request) for event in run.events), default=0)
    for number, event in enumerate(run.events, 1):
        click.echo(f"{number:>3}  {event.request:<{who}}  {event.label}")
    click.echo(_wrapped(_ending(run)))


def _ending(run: Run) -> str:
    return f"{run.failure.kind}: {run.reason}." if run.failure else f"{run.reason}."


def _wrapped(line: str) -> str:
    return "\n".join(wrap(line, WIDTH, "  "))


COMMANDS = (serve, replay, mutants)
