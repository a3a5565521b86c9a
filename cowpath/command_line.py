"""The command line: the table of commands, and what becomes of errors.

Here alone bad input is turned into exit status 2, and what nobody has foreseen into 70: a status of 1 says
that something is violated, and is never to be had by accident.

A command's module is imported when the command is called, so that each loads only what it needs.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence

import click

from cowpath.model.explore import ranks
from cowpath.model.language.errors import InputError, hint
from cowpath.streams import open_streams

INTERRUPTED, BUG = 3, 70
"""Exit statuses: all is undetermined; an error of cowpath's own (EX_SOFTWARE of sysexits.h)."""
LONGEST_LINE = 1000
"""Characters of an error: what it quotes may be long."""
MODEL, HARNESS = "cowpath.model.commands", "cowpath.conformance.commands"
# Each command: the module that has it, and its line in the list of commands.
COMMANDS = {
    "designs": (f"{MODEL}.listings", "List the designs, or tell all about one."),
    "releases": (f"{MODEL}.releases", "Say which design stands for which release of QEMU."),
    "scenarios": (f"{MODEL}.listings", "List the scenarios, or show one."),
    "recorded-bugs": (f"{MODEL}.recorded_bugs", "Check bugs of the record, before and after their repair."),
    "check": (f"{MODEL}.check", "Explore designs on scenarios and print the verdicts."),
    "survey": (f"{MODEL}.survey", "Explore every workload up to a bound."),
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
    "qemu": (f"{HARNESS}.qemu", "Hold runs of a real QEMU against the model."),
    "validate": (f"{HARNESS}.validate", "Hold the log of a run against the model."),
}


SHARED = ("check", "trace", "report", "survey", "conform", "mutants", "qemu")
"""Commands whose work several processes of an `mpiexec` share."""


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
        if ranks.size() > 1 and cmd_name not in SHARED:
            raise click.UsageError(
                f"{cmd_name} is not shared by several processes; accepted with mpiexec: {', '.join(SHARED)}"
            )
        module = importlib.import_module(COMMANDS[cmd_name][0])
        commands = [each for each in vars(module).values() if isinstance(each, click.Command)]
        return next(command for command in commands if command.name == cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, so that the list itself loads none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def run(arguments: Sequence[str]) -> int:
    """Run a command and return the exit status; bad input of any kind is one line on stderr and status 2.

    Raises KeyboardInterrupt; any other exception is an error of cowpath itself.
    """
    group = Commands(
        "cowpath",
        help="Check copy-before-write designs for races, deadlocks and lost updates.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    click.version_option(package_name="cowpath")(group)
    try:
        status = group.main(list(arguments) or ["--help"], prog_name="cowpath", standalone_mode=False)
    except click.ClickException as error:
        return _refuse(error.format_message())
    except InputError as error:
        return _refuse(str(error))
    except click.Abort as error:
        raise error.__cause__ or error from None
    return status if isinstance(status, int) else 0


def _refuse(message: str) -> int:
    line = " ".join(message.split())
    if ranks.talking():
        ranks.abort(2, line)
    if len(line) > LONGEST_LINE:
        line = f"{line[: LONGEST_LINE // 2]} ... {line[-LONGEST_LINE // 2 :]}"
    sys.stderr.write(f"cowpath: {line}\n")
    return 2


def collect_rarely() -> None:
    """Look for cyclic garbage less often: models are many objects without cycles, and a tenth of the time."""
    gc.set_threshold(100_000, 20, 100)


def main() -> None:
    """Run the command that was given; Ctrl-C outside an exploration leaves everything undetermined.

    To be told to end (SIGTERM, or the terminal goes) is the same as Ctrl-C: what is known is said, and no
    file is left half written.
    """
    open_streams()
    if ranks.rank():  # one of the processes speaks for all
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    collect_rarely()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        status = _guarded(sys.argv[1:])
        sys.stdout.flush()
    except InputError as error:  # the output cannot be written
        status = _refuse(str(error))
    sys.exit(status)


def _guarded(arguments: Sequence[str]) -> int:
    try:
        return run(arguments)
    except KeyboardInterrupt:
        sys.stderr.write("cowpath: interrupted\n")
        return INTERRUPTED
    except InputError:
        raise
    except Exception as error:
        traceback.print_exc(file=sys.__stderr__ if ranks.talking() else None)
        if ranks.talking():
            ranks.abort(BUG, f"this is a bug in cowpath: {type(error).__name__}")
        sys.stderr.write(f"cowpath: this is a bug in cowpath: {type(error).__name__}\n")
        return BUG
