"""The command `step`: a walk through a model by hand."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

import click
from rich.table import Table
from rich.text import Text

from cowpath.model.commands import files
from cowpath.model.commands.by_release import for_release
from cowpath.model.commands.inputs import find_designs, find_scenarios, open_console
from cowpath.model.designs import Case
from cowpath.model.language.errors import InputError, shown
from cowpath.model.language.reading import STDIN
from cowpath.model.render.text import conclusion, sentence, wrap
from cowpath.model.trace import record
from cowpath.model.trace.walk import Walk

_COMMANDS = ("undo", "restart", "save", "help", "quit")
_HELP = (
    "a number: make that step; a request's name: all about it; undo; restart; "
    "save FILE (for `trace --from` and `replay --trace`); quit; or the first letter of one of these"
)


@click.command(short_help="Walk through the model by hand.")
@click.argument("name", required=False, metavar="DESIGN|FILE.py")
@for_release("name")
@click.option("--scenario", "wanted", required=True, metavar="NAME|FILE.toml", help="Where to walk.")
@click.option(
    "--reduce/--no-reduce", default=True, help="Reduce the disk to the smallest equivalent one (the default)."
)
def step(name: str, wanted: str, reduce: bool) -> None:
    """Walk through the model by hand: see the state, and choose who makes the next step.

    Commands are read from stdin, several to a line if you like: numbers of steps, names of requests, undo,
    restart, save FILE, quit. Exit status 0, or 2 for a bad command that did not come from a terminal.
    """
    if wanted == STDIN:
        raise InputError("--scenario: stdin is where the commands come from; accepted: a name or a file")
    (design,) = find_designs([name])
    (scenario,) = find_scenarios([wanted], [design])
    _Session(Case(design, scenario, reduce)).run()


class _Session:
    """A walk with its reader and its screen."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.scenario = case.scenario
        self.walk = Walk(case.design.system, case.instance, case.asked(()))
        self.console = open_console()
        self._say(case.title, "bold")
        if case.reduced:
            self._say(case.disk)

    def run(self) -> None:
        """Read and obey until the end."""
        self._show()
        for number, line in enumerate(_lines(), 1):
            try:
                if not self._obey(line.split()):
                    return
            except InputError as error:
                if not sys.stdin.isatty():
                    raise InputError(f"line {number}: {error}") from None
                self._say(str(error), "yellow")

    def _obey(self, words: list[str]) -> bool:
        """Carry out a line of commands, then show where that has led; return whether to go on."""
        before = list(self.walk.path)
        while words:
            typed = words.pop(0)
            word = next((command for command in _COMMANDS if command.startswith(typed)), typed)
            if word.isdecimal():
                self._go(word)
            elif words and f"{word} {words[0]}" in self.walk.names():
                self._tell(f"{word} {words.pop(0)}")
            elif word == "undo":
                if not self.walk.path:
                    raise InputError("undo: no step has been made")
                self.walk.path.pop()
            elif word == "restart":
                self.walk.path.clear()
            elif word == "save":
                self._save(words.pop(0) if words else "")
            elif word == "help":
                self._say(_HELP)
            elif word == "quit":
                return False
            else:
                raise InputError(f"{shown(word)} is no command; accepted: {_HELP}")
        if self.walk.path != before:
            self._show()
        return True

    def _go(self, number: str) -> None:
        moves = {str(number): move for number, move in enumerate(self.walk.moves(), 1)}
        if number not in moves:
            accepted = f"accepted: 1 to {len(moves)}" if moves else "nobody can move; accepted: undo, restart"
            raise InputError(f"{shown(number)} is no step; {accepted}")
        self.walk.path.append(moves[number])
        made = self.walk.trace(self.scenario.name).steps[-1]
        self._say(f"step {made.number}: {made.owner}  {made.action}  {sentence(made)}", "bold")

    def _save(self, path: str) -> None:
        files.check_file(path, "save")
        written = record.document(self.walk.trace(self.scenario.name))
        files.write(path, json.dumps(written, indent=1) + "\n")
        self._say(f"{len(self.walk.path)} steps saved in {path}")

    def _tell(self, owner: str) -> None:
        """Say all that is known of one request, and where the rules of its next steps are from."""
        table = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
        for what, value in self.walk.about(owner):
            table.add_row(Text(what), Text(value))
        rules = [move.action for move in self.walk.moves() if self.walk.owner(move) == owner]
        rules += [each.action for each in self.walk.blocked() if each.owner == owner]
        for action in dict.fromkeys(rules):
            table.add_row(Text(action.label), Text(action.source))
        self.console.print(table)

    def _show(self) -> None:
        state = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
        for what, value in (*self.walk.shared(), *self.walk.places()):
            state.add_row(Text(what), Text(value))
        self.console.print(state)
        self.console.print()
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for number, move in enumerate(self.walk.moves(), 1):
            says = self.walk.says(move)
            table.add_row(str(number), self.walk.owner(move), move.action.label, says[:1].lower() + says[1:])
        for each in self.walk.blocked():
            words = (each.owner, each.action.label, "; ".join(each.reasons))
            table.add_row("\N{EN DASH}", *(Text(word, "dim") for word in words))
        self.console.print(table)
        trace = self.walk.trace(self.scenario.name)
        if trace.property:
            self._say(conclusion(trace, self.case.design.meanings[trace.property]), "bold red")
        elif not self.walk.moves():
            self._say("All requests are over.", "green")

    def _say(self, line: str, style: str = "") -> None:
        self.console.print("\n".join(wrap(line, self.console.width, "  ")), style=style, markup=False)


def _lines() -> Iterator[str]:
    """Yield the commands; what does not come from a terminal is echoed, for the record."""
    by_hand = sys.stdin.isatty()
    if by_hand and find_spec("readline"):
        import_module("readline")  # gives input() a history
    while True:
        try:
            line = input("> ")
        except EOFError:
            click.echo()
            return
        if not by_hand:
            click.echo(line)
        yield line
