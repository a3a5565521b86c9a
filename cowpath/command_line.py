"""The command line: the table of commands, and what becomes of errors.

A command's module is imported when the command is called, so that each loads only what it needs.
"""

from __future__ import annotations

import gc
import importlib
import io
import os
import sys
from collections.abc import Sequence

import click

from cowpath.model.scenarios.errors import hint

MODEL, HARNESS = "cowpath.model.commands", "cowpath.conformance.commands"
# Each command: the module that has it, and its line in the list of commands.
COMMANDS = {
    "designs": (f"{MODEL}.listings", "List the designs, or tell all about one."),
    "scenarios": (f"{MODEL}.listings", "List the scenarios, or show one."),
    "check": (f"{MODEL}.check", "Explore designs on scenarios and print the verdicts."),
    "trace": (f"{MODEL}.trace", "Print the shortest trace that decides a property."),
    "export": (f"{MODEL}.export", "Write a model for SPIN or TLC."),
    "report": (f"{MODEL}.report", "Write all verdicts, with their traces, on one page of HTML."),
    "graph": (f"{MODEL}.graph", "Draw the graph of all states."),
    "step": (f"{MODEL}.step", "Walk through the model by hand."),
    "prove": (f"{MODEL}.prove", "Prove or refute theorems for any number of requests."),
    "serve": (f"{HARNESS}.serve", "Export the threaded block stack over NBD."),
    "replay": (f"{HARNESS}.replay", "Run a trace of the model on the threads, and show both."),
    "mutants": (f"{HARNESS}.mutants", "Seed faults, and count the schedules until each is found."),
    "conform": (f"{HARNESS}.conform", "Hold runs of the threads against the model."),
    "validate": (f"{HARNESS}.validate", "Hold the log of a run against the model."),
}


class Commands(click.Group):
    """The commands, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Import the command; raises `click.UsageError` for an unknown one."""
        if cmd_name not in COMMANDS:
            raise click.UsageError(
                f"unknown command '{cmd_name}'{hint(cmd_name, COMMANDS)}; accepted: {', '.join(COMMANDS)}"
            )
        module = importlib.import_module(COMMANDS[cmd_name][0])
        commands = [each for each in vars(module).values() if isinstance(each, click.Command)]
        return next(command for command in commands if command.name == cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, so that the list itself loads none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def run(arguments: Sequence[str]) -> int:
    """Run a command and return the exit status; bad input of any kind is one line on stderr and status 2."""
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
