"""The command line: mounts the command groups, nothing else."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click


def commands() -> Iterator[click.Command]:
    """Yield all commands; what a module needs is imported when its turn comes, so the first begin sooner."""
    from model.cli import COMMANDS as MODEL

    yield from MODEL
    from model.report_cli import COMMANDS as OVERVIEW

    yield from OVERVIEW
    from model.graph_cli import COMMANDS as GRAPH

    yield from GRAPH
    from model.step_cli import COMMANDS as WALK

    yield from WALK
    from model.prove_cli import COMMANDS as PROVER

    yield from PROVER
    from conformance.cli import COMMANDS as HARNESS

    yield from HARNESS
    from conformance.conform_cli import COMMANDS as MONITOR

    yield from MONITOR
    from conformance.validate_cli import COMMANDS as LOGS

    yield from LOGS


def run(arguments: Sequence[str]) -> int:
    """Run a command and return the exit status; bad input of any kind is one line on stderr and status 2."""
    import click

    from model.scenarios.errors import hint

    class Commands(click.Group):
        def list_commands(self, ctx: click.Context) -> list[str]:
            return [str(command.name) for command in commands()]

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            for command in commands():
                if command.name == cmd_name:
                    return command
            names = self.list_commands(ctx)
            raise click.UsageError(
                f"unknown command '{cmd_name}'{hint(cmd_name, names)}; accepted: {', '.join(names)}"
            )

    group = Commands(
        "cowpath",
        help="Check copy-before-write designs for races, deadlocks and lost updates.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    click.version_option(package_name="cowpath")(group)
    try:
        status = group.main(list(arguments) or ["--help"], prog_name="cowpath", standalone_mode=False)
    except click.ClickException as error:
        sys.stderr.write(f"cowpath: {' '.join(error.format_message().split())}\n")
        return 2
    except click.Abort:
        raise KeyboardInterrupt from None
    return status if isinstance(status, int) else 0


def collect_rarely() -> None:
    """Look for cyclic garbage less often: models are many objects without cycles, and a tenth of the time."""
    gc.set_threshold(100_000, 20, 100)


def main() -> None:
    """Run the command that was given; Ctrl-C outside an exploration leaves everything undetermined."""
    collect_rarely()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = run(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("cowpath: interrupted\n")
        status = 3
    except BrokenPipeError:
        status = 1
    except OSError as error:
        sys.stderr.write(f"cowpath: the output cannot be written: {error.strerror}\n")
        status = 2
    try:
        sys.stdout.flush()
    except OSError:  # said already; Python must not try once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)


if __name__ == "__main__":
    main()
