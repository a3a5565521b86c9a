"""TLA+, for TLC: a function for each variable, an operator for each command.

A command is one step, so TLC's distinct states are ours, one for one. Names are strings, as a trace shows
them; what can take one value only is left out. Properties are invariants, `TypeOK` among them, which says
what values can occur. Finished requests have no next step: TLC's own check for deadlocks is off, and
`NoDeadlock` says what we mean by one: of the blocked, whoever waits for none of them is struck off, again
and again; who is left waits in a cycle.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from textwrap import wrap

from cowpath.model.explore.program import wait_matrix
from cowpath.model.explore.result import Question
from cowpath.model.export.naming import (
    EXCLUDED,
    Identifiers,
    arguments_of,
    claim_of,
    indices_of,
    owners_of,
    told,
    values_of,
    word_for,
)
from cowpath.model.finite.domains import Narrowed
from cowpath.model.finite.ground import Command
from cowpath.model.finite.term import Node, Term
from cowpath.model.language.sorts import BOOL, Bool
from cowpath.model.language.system import Variable

_RESERVED = """
    ACTION ASSUME ASSUMPTION AXIOM BOOLEAN BY CASE CHOOSE CONSTANT CONSTANTS COROLLARY DEF DEFINE DEFS DOMAIN
    ELSE ENABLED EXCEPT EXTENDS FALSE HAVE HIDE IF IN INSTANCE LAMBDA LEMMA LET LOCAL MODULE NEW OBVIOUS
    OMITTED ONLY OTHER PICK PROOF PROPOSITION PROVE QED RECURSIVE STATE STRING SUBSET SUFFICES TAKE TEMPORAL
    THEN THEOREM TRUE UNCHANGED UNION USE VARIABLE VARIABLES WITH WITNESS
    Any Assert Int JavaTime Nat Permutations Print PrintT RandomElement SortSeq TLCEval TLCGet TLCSet ToString
    CanMove Finished Hangs Init Left Next NoDeadlock Owners Resting TypeOK WaitsFor blocked held kept key
    more q r
    """.split()  # noqa: SIM905
_WIDTH = 110
_GLUE = "\N{NO-BREAK SPACE}"


def tla(
    narrowed: Narrowed, module: str, heading: Sequence[str], questions: Sequence[Question], deadlock: bool
) -> tuple[str, str]:
    """Return a module and its TLC configuration; invariants exclude the questions' states, and deadlocks.

    `module` is the module's name, which must be that of its file.
    """
    writer = _Writer(narrowed)
    body = [*writer.state(), *writer.steps(), *writer.claims(questions, deadlock)]
    lines = [f"---- MODULE {module} ----", *_comment(*heading), "EXTENDS Integers, TLC", "", *body, "===="]
    configured = [
        "INIT Init",
        "NEXT Next",
        "CHECK_DEADLOCK FALSE",
        f"INVARIANTS {' '.join(writer.invariants)}",
    ]
    text, configuration = ("".join(f"{line}\n" for line in part) for part in (lines, configured))
    return text, configuration


class _Writer:
    def __init__(self, narrowed: Narrowed) -> None:
        self.narrowed = narrowed
        self.model = model = narrowed.model
        self.identifiers = Identifiers(_RESERVED)
        live = [cell for cell, values in enumerate(narrowed.values) if len(values) > 1]
        self.cells: dict[str, list[int]] = {}  # by variable
        for cell in live or range(len(narrowed.values)):
            self.cells.setdefault(model.layout.cells[cell].variable, []).append(cell)
        self.variables = {name: self.identifiers.new(name) for name in self.cells}
        shown = [cell for cells in self.cells.values() for cell in cells]
        self.keys = {cell: _key(indices_of(model, cell)) for cell in shown}
        self.owners = owners_of(model)
        self.moves = [self.identifiers.new(_capital(owner)) for owner in self.owners]
        self.invariants = ["TypeOK"]

    def state(self) -> Iterator[str]:
        """Yield what declares the variables: their values, and the first ones."""
        yield from _wrapped(f"VARIABLES {', '.join(self.variables.values())}", "")
        yield ""
        yield from _wrapped(f"Owners == {{{', '.join(map(_string, self.owners))}}}", "")
        yield ""
        yield "Init =="
        for name, cells in self.cells.items():
            yield from _wrapped(f"/\\ {self.variables[name]} = {self._initially(cells)}", "  ")
        yield ""
        yield "TypeOK =="
        for name, cells in self.cells.items():
            values = sorted({value for cell in cells for value in self.narrowed.values[cell]})
            words = ", ".join(self._constant(value, self._variable(cells[0])) for value in values)
            of = f"[DOMAIN {self.variables[name]} -> {{{words}}}]" if self.keys[cells[0]] else f"{{{words}}}"
            yield from _wrapped(f"/\\ {self.variables[name]} \\in {of}", "  ")

    def _initially(self, cells: Sequence[int]) -> str:
        values = [self._constant(self.model.initial[cell], self._variable(cell)) for cell in cells]
        keys = [self.keys[cell] for cell in cells]
        if not keys[0]:
            return values[0]
        if len({*values}) == 1:
            return f"[key \\in {{{', '.join(keys)}}} |-> {values[0]}]"
        return " @@ ".join(f"{key} :> {value}" for key, value in zip(keys, values, strict=True))

    def steps(self) -> Iterator[str]:
        """Yield an operator for each command, one for each owner, and the next-state relation."""
        steps: dict[int, list[str]] = {owner: [] for owner in range(len(self.owners))}
        for command in self.model.commands:
            if command.enabled == 0:
                continue  # it only says who waits
            name = self.identifiers.new(_capital(command.action.label), *arguments_of(self.model, command))
            steps[command.owner].append(name)
            yield ""
            yield from _comment(told(self.model, command))
            yield f"{name} =="
            yield from self._step(command)
        never = f"FALSE /\\ UNCHANGED <<{', '.join(self.variables.values())}>>"  # still an action
        for owner, names in steps.items():
            yield ""
            yield f"{self.moves[owner]} =="
            yield from (f"  \\/ {name}" for name in names or [never])
        yield ""
        yield "Next =="
        yield from (f"  \\/ {move}" for move in self.moves)

    def _step(self, command: Command) -> Iterator[str]:
        guard = command.enabled
        conjuncts = guard.arguments if isinstance(guard, Node) and guard.kind == "and" else (guard,)
        for conjunct in conjuncts:
            yield from _wrapped(f"/\\ {self._text(conjunct, BOOL)}", "  ")
        changes: dict[str, dict[str, str]] = {}
        for cell, value in command.updates:
            if value is not self.model.terms.cell(cell):
                new = self._atom(value, self._variable(cell))
                changes.setdefault(self.model.layout.cells[cell].variable, {})[self.keys[cell]] = new
        for name, news in changes.items():
            variable = self.variables[name]
            parts = ", ".join(f"![{key}] = {new}" for key, new in news.items())
            whole = news.get("") or f"[{variable} EXCEPT {parts}]"
            yield from _wrapped(f"/\\ {variable}' = {whole}", "  ")
        same = [variable for name, variable in self.variables.items() if name not in changes]
        if same:
            yield from _wrapped(f"/\\ UNCHANGED <<{', '.join(same)}>>", "  ")

    def claims(self, questions: Sequence[Question], deadlock: bool) -> Iterator[str]:
        """Yield the invariants."""
        for question in questions:
            name = self.identifiers.new(_capital("-".join(claim_of(self.model, question))))
            if question.term == 0:
                yield from ["", *_comment(f"{name}: {EXCLUDED}")]
            else:
                self.invariants.append(name)
                claim = self._text(self.model.terms.negation(question.term), BOOL)
                yield from ["", *_wrapped(f"{name} == {claim}", "")]
        if deadlock:
            self.invariants.append("NoDeadlock")
            yield from self._deadlock()

    def _deadlock(self) -> Iterator[str]:
        names = [_string(owner) for owner in self.owners]
        finished = [self._text(term, BOOL) for term in self.model.finished]
        edges = [(names[r], names[q], self._text(edge, BOOL)) for r, q, edge in wait_matrix(self.model)]
        yield from ["", "CanMove(r) =="]
        for name, move in zip(names, self.moves, strict=True):
            yield from _wrapped(f"\\/ r = {name} /\\ ENABLED {move}", "  ")
        yield from ["", "Finished(r) =="]
        for name, text in zip(names, finished, strict=True):
            yield from _wrapped(f"\\/ r = {name} /\\ ({text})", "  ")
        yield from ["", "WaitsFor(r, q) =="]
        for waiter, other, text in edges:
            yield from _wrapped(f"\\/ r = {waiter} /\\ q = {other} /\\ ({text})", "  ")
        yield "  \\/ FALSE"
        if not self.model.can_hang:
            yield from ["", *_LEFT, "", *_NO_DEADLOCK]
            return
        yield from ["", "Hangs(r) =="]
        for name, term in zip(names, self.model.hangs, strict=True):
            yield from _wrapped(f"\\/ r = {name} /\\ ({self._text(term, BOOL)})", "  ")
        owed = "blocked \\ Resting({r \\in Owners : Hangs(r)})"
        yield from ["", *_LEFT, "", *_RESTING, ""]
        yield from (line.replace("blocked # {} =>", f"{owed} # {{}} =>") for line in _NO_DEADLOCK)

    # -- terms

    def _variable(self, cell: int) -> Variable:
        return self.model.system.variables[self.model.layout.cells[cell].variable]

    def _constant(self, value: int, values: Variable | Bool | None) -> str:
        if _are_truths(values):
            return "TRUE" if value else "FALSE"
        if isinstance(values, Variable):  # nobody is one value, whatever a variable calls it
            values = replace(values, unset="nobody")
        word = word_for(self.model, value, values)
        return str(value) if word is None else _string(word)

    def _text(self, term: Term, values: Variable | Bool | None) -> str:
        if isinstance(term, int):
            return self._constant(term, values)
        is_truth = term.kind != "if" and values_of(self.model, term) is BOOL
        if is_truth and not _are_truths(values):
            yes, no = (self._constant(value, values) for value in (1, 0))
            return f"(IF {self._text(term, BOOL)} THEN {yes} ELSE {no})"
        match term.kind, term.arguments:
            case "cell", (int(cell),):
                key = self.keys[cell]
                return self.variables[self.model.layout.cells[cell].variable] + (f"[{key}]" if key else "")
            case "not", (Node(kind="eq") as inner,):
                return self._compared("#", inner)
            case "not", (Node(kind="lt") as inner,):
                return self._compared(">=", inner)
            case "not", (inner,):
                return f"~{self._atom(inner, BOOL)}"
            case ("and" | "or") as kind, parts:
                return (" /\\ " if kind == "and" else " \\/ ").join(self._part(part) for part in parts)
            case "eq", _:
                return self._compared("=", term)
            case "lt", _:
                return self._compared("<", term)
            case "add", parts:
                return " + ".join(self._atom(part, None) for part in parts)
            case "sum", parts:
                return " + ".join(f"(IF {self._text(part, BOOL)} THEN 1 ELSE 0)" for part in parts)
            case "if", (condition, *branches):
                then, other = (self._text(branch, values) for branch in branches)
                return f"(IF {self._text(condition, BOOL)} THEN {then} ELSE {other})"
        raise TypeError(term.kind)

    def _compared(self, sign: str, node: Node) -> str:
        values = values_of(self.model, *node.arguments)
        if values is BOOL and node.kind == "lt":
            values = None
        left, right = (self._atom(side, values) for side in node.arguments)
        return f"{left} {sign} {right}"

    def _part(self, term: Term) -> str:
        together = isinstance(term, Node) and term.kind in ("and", "or")
        return self._atom(term, BOOL) if together else self._text(term, BOOL)

    def _atom(self, term: Term, values: Variable | Bool | None) -> str:
        text = self._text(term, values)
        bare = isinstance(term, int) or term.kind in ("cell", "if")
        return text if bare else f"({text})"


_LEFT = """\
RECURSIVE Left(_)
Left(blocked) ==
  LET kept == {r \\in blocked : \\E q \\in blocked : WaitsFor(r, q)}
  IN IF kept = blocked THEN kept ELSE Left(kept)""".splitlines()
_RESTING = """\
RECURSIVE Resting(_)
Resting(held) ==
  LET more == held \\cup {r \\in Owners : \\E q \\in held : WaitsFor(r, q)}
  IN IF more = held THEN held ELSE Resting(more)""".splitlines()
_NO_DEADLOCK = """\
NoDeadlock ==
  LET blocked == {r \\in Owners : ~Finished(r) /\\ ~CanMove(r)}
  IN  /\\ blocked # {} => \\E r \\in Owners : CanMove(r)
      /\\ Left(blocked) = {}""".splitlines()


def _are_truths(values: Variable | Bool | None) -> bool:
    return values == BOOL or (isinstance(values, Variable) and values.sort == BOOL)


def _string(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _key(words: Sequence[str]) -> str:
    joined = ", ".join(map(_string, words))
    return f"<<{joined}>>" if len(words) > 1 else joined


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


def _comment(*lines: str) -> Iterator[str]:
    yield from (f"\\* {piece}" for line in lines for piece in wrap(line, _WIDTH - 3))


def _wrapped(text: str, indent: str) -> Iterator[str]:
    """Break the text between words, but never a string."""
    glued = re.sub(r'"[^"]*"', lambda string: string[0].replace(" ", _GLUE), text)
    lines = wrap(
        glued,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}     ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    yield from (line.replace(_GLUE, " ") for line in lines)
