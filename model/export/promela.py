"""Promela, for SPIN: a process for each owner, a transition for each command.

A command is one `d_step`, so SPIN's states are ours, one for one, as long as its partial-order reduction is
off (-DNOREDUCE). Each owner is a process of its own, and what it alone touches is local to it: that is what
SPIN's reduction goes by. No process ends, since that would be a step; where an owner may be finished it
rests at an `end` label, so SPIN's invalid end states are those where somebody is stuck.

The properties are watched by one more process, which can move only where one of them is violated. A wait
cycle among owners that cannot move has no short formula; for a deadlock that process computes it, in one
step that leaves the state as it was: of those who cannot move, whoever waits for none of them is struck
off, again and again; who is left waits in a cycle. What it asserts is a variable that is always 0, so that
SPIN's message names the property.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap

from cowpath.model.explore.program import wait_matrix
from cowpath.model.explore.result import DEADLOCK, Question
from cowpath.model.export.naming import (
    EXCLUDED,
    Identifiers,
    claim_of,
    identifier,
    indices_of,
    owners_of,
    told,
    values_of,
    word_for,
)
from cowpath.model.export.processes import Process, Step, processes
from cowpath.model.finite.domains import Narrowed
from cowpath.model.finite.term import Node, Term, cells_of
from cowpath.model.language.sorts import Bool
from cowpath.model.language.system import Variable

_KEYWORDS = """
    active assert atomic bit bool break byte c_code c_decl c_expr c_state c_track chan d_proctype d_step do
    else empty enabled end eval false fi for full get_priority goto hidden if in init inline int len local
    ltl mtype nempty never nfull notrace np_ od of pc_value pid printf printm priority proctype provided run
    select set_priority short show skip timeout trace true typedef unless unsigned xr xs
    """.split()  # noqa: SIM905
_USE = (
    "spin -search FILE explores this; spin -o2 -search -DNOREDUCE FILE does so state for state.",
    "An invalid end state is one where somebody is stuck; -E overlooks them.",
)
_WIDTH = 110
_GLUE = "\N{NO-BREAK SPACE}"


def promela(narrowed: Narrowed, heading: Sequence[str], questions: Sequence[Question], deadlock: bool) -> str:
    """Return the model as Promela that reports the questions' states and, if asked to, deadlocks."""
    writer = _Writer(narrowed, questions, deadlock)
    return "".join(f"{line}\n" for line in writer.lines(heading))


class _Writer:
    def __init__(self, narrowed: Narrowed, questions: Sequence[Question], deadlock: bool) -> None:
        self.narrowed = narrowed
        self.model = model = narrowed.model
        self.questions = questions
        self.deadlock = deadlock
        self.edges = tuple(wait_matrix(model)) if deadlock else ()
        watched = [question.term for question in questions]
        if deadlock:
            watched += [*(command.enabled for command in model.commands), *model.finished]
            watched += [edge for _, _, edge in self.edges]
        self.processes = processes(narrowed, {cell for term in watched for cell in cells_of(term)})
        self.identifiers = Identifiers(_KEYWORDS)
        self.owners = [self.identifiers.new(owner) for owner in owners_of(model)]
        self.names: dict[int, str] = {}
        for cell, values in enumerate(narrowed.values):
            if len(values) > 1:
                indices = indices_of(model, cell)
                name = self.identifiers.new(model.layout.cells[cell].variable, *indices)
                # SPIN makes a C variable of it, and a word alone may be taken there, as `now` is.
                self.names[cell] = name if indices else f"{name}_"
        self.values: dict[tuple[str, int], str] = {}  # what values are called, if not a number
        self.hidden: list[str] = []  # variables that are no part of the state
        self.formulas: list[str] = []  # the lines that define formulas, or say that there is none

    def lines(self, heading: Sequence[str]) -> Iterator[str]:
        """Yield the text."""
        local = {cell for process in self.processes for cell in process.private}
        shared = list(self._declared(cell for cell in self.names if cell not in local))
        body = [line for process in self.processes for line in self._process(process)]
        watch = list(self._watch())
        yield from _comment(*heading, *_USE)
        yield ""
        yield from (f"#define {name} {value}" for (_, value), name in self.values.items())
        yield ""
        yield from shared
        yield from (f"hidden int {name};" for name in self.hidden)
        yield from body
        yield from watch

    # -- the owners

    def _declared(self, cells: Iterable[int]) -> Iterator[str]:
        for cell in cells:
            width = self.narrowed.values[cell][-1].bit_length()
            declared = f"bit {self.names[cell]}" if width == 1 else f"unsigned {self.names[cell]} : {width}"
            yield f"{declared} = {self._constant(self.model.initial[cell], self._variable(cell))};"

    def _process(self, process: Process) -> Iterator[str]:
        variable = None if process.counter is None else self._variable(process.counter)
        identifiers = Identifiers()
        labels = {}
        for at in process.locations:
            label = identifiers.new(
                "at", "all" if variable is None else word_for(self.model, at, variable) or str(at)
            )
            labels[at] = f"end_{label}" if at in process.resting else label
        yield ""
        yield f"active proctype {self.owners[process.owner]}() {{"
        private = (cell for cell in sorted(process.private) if cell != process.counter)
        yield from (f"  {line}" for line in self._declared(private))
        for at, steps in process.locations.items():
            yield f"{labels[at]}:"
            yield "  if"
            for step in steps:
                yield from _comment(told(self.model, self.model.commands[step.number]), indent="  ")
                yield from _wrapped(f":: {self._step(step)}; goto {labels[step.goes_to]}", "  ")
            if not steps:
                yield "  :: false"
            yield "  fi;"
        yield "}"

    def _step(self, step: Step) -> str:
        guard = "true" if step.guard == 1 else self._text(step.guard)
        outside = self.narrowed.unproved.get(step.number, ())
        sizes = self.model.layout.sizes
        does = [f"assert({self._text(value)} < {sizes[cell]})" for cell, value in outside]
        does += self._assignments(dict(step.updates))
        if not does and step.guard != 1:
            return guard
        does = does or ["skip"]
        return f"d_step {{ {'' if step.guard == 1 else f'{guard} -> '}{'; '.join(does)} }}"

    def _assignments(self, updates: Mapping[int, Term]) -> Iterator[str]:
        """Yield assignments that have, one after the other, the effect of all at once."""
        import networkx as nx  # takes its time to load

        before: nx.DiGraph[int] = nx.DiGraph()
        before.add_nodes_from(updates)
        for cell, value in updates.items():
            before.add_edges_from(
                (cell, read) for read in cells_of(value) if read in updates and read != cell
            )
        texts = {cell: self._text(value, self._variable(cell)) for cell, value in updates.items()}
        if nx.is_directed_acyclic_graph(before):
            yield from (f"{self.names[cell]} = {texts[cell]}" for cell in nx.topological_sort(before))
        else:
            new = {cell: self._hidden("new", self.names[cell]) for cell in updates}
            yield from (f"{new[cell]} = {text}" for cell, text in texts.items())
            yield from (f"{self.names[cell]} = {new[cell]}" for cell in updates)

    def _hidden(self, *words: str) -> str:
        self.hidden.append(self.identifiers.new(*words))
        return self.hidden[-1]

    # -- the properties

    def _watch(self) -> Iterator[str]:
        """Yield a process that can move only where there is something to report, or somebody is blocked."""
        options: list[str] = []
        for question in self.questions:
            claim = claim_of(self.model, question)
            if question.term == 0:
                self.formulas += _comment(f"{identifier(*claim)}: {EXCLUDED}")
            else:
                report = f"assert({self._hidden(*claim)})"
                options += _wrapped(f":: d_step {{ {self._text(question.term)} -> {report} }}", "  ")
        if self.deadlock:
            options += self._deadlock()
        yield from ["", *self.formulas]
        if options:
            yield from ["", f"active proctype {self.identifiers.new('watch')}() {{"]
            yield from ["end_watching:", "  do", *options, "  od", "}"]

    def _deadlock(self) -> Iterator[str]:
        terms, owners = self.model.terms, self.owners
        moves, blocked = [], []
        for process, finished in zip(self.processes, self.model.finished, strict=True):
            can = terms.disjunction(self._can_move(process, at) for at in process.locations)
            moves.append(self._formula(self._text(can), owners[process.owner], "moves"))
            stuck = f"{self._atom(terms.negation(finished))} && !{moves[-1]}"
            blocked.append(self._formula(stuck, owners[process.owner], "is blocked"))
        waiters = sorted({owner for owner, _, _ in self.edges})
        left = {owner: self._hidden(owners[owner], "is left") for owner in waiters}
        waits: dict[int, list[str]] = {owner: [] for owner in waiters}
        for owner, other, edge in self.edges:
            if other in left:
                name = self._formula(self._text(edge), owners[owner], "waits for", owners[other])
                waits[owner].append(f"{name} && {left[other]}")
        again = self._hidden("once more")
        marks = [f"{mark} = {blocked[owner]};" for owner, mark in left.items()]
        rests = f"!({' || '.join(moves)})"
        holding: list[str] = []
        if self.model.can_hang:
            held_up, holding = self._held_up(again)
            owed = [f"{stays} && !{held}" for stays, held in zip(blocked, held_up, strict=True)]
            rests = f"({rests} && ({' || '.join(owed)}))"
        bad = [*left.values(), rests]
        yield from _comment(
            "deadlock: nobody can move and somebody is unfinished, or a wait cycle", indent="  "
        )
        yield from _wrapped(f":: d_step {{ {' || '.join(blocked)} ->", "  ")
        yield from _wrapped(" ".join([*marks, f"{again} = 1;"]), "     ")
        yield "     do"
        yield f"     :: {again} -> {again} = 0;"
        for owner, mark in left.items():
            held = (
                " || ".join(f"({wait})" if len(waits[owner]) > 1 else wait for wait in waits[owner])
                or "false"
            )
            yield from _wrapped(
                f"if :: {mark} && !({held}) -> {mark} = 0; {again} = 1 :: else fi;", "        "
            )
        yield "     :: else -> break"
        yield "     od;"
        yield from holding
        yield from _wrapped(
            f"if :: {' || '.join(bad)} -> assert({self._hidden('no', DEADLOCK)}) :: else fi }}", "     "
        )

    def _held_up(self, again: str) -> tuple[list[str], list[str]]:
        """Return what says of each owner that it hangs, or waits for one that does, and what finds it out."""
        held = [self._hidden(owner, "is held up") for owner in self.owners]
        marks = [
            f"{mark} = ({self._text(hangs)});" for mark, hangs in zip(held, self.model.hangs, strict=True)
        ]
        lines = [*_wrapped(" ".join([*marks, f"{again} = 1;"]), "     "), "     do"]
        lines.append(f"     :: {again} -> {again} = 0;")
        for owner, other, edge in self.edges:
            waits = f"!{held[owner]} && {held[other]} && ({self._text(edge)})"
            lines += _wrapped(f"if :: {waits} -> {held[owner]} = 1; {again} = 1 :: else fi;", "        ")
        return held, [*lines, "     :: else -> break", "     od;"]

    def _can_move(self, process: Process, at: int) -> Term:
        terms = self.model.terms
        can = terms.disjunction(step.guard for step in process.locations[at])
        if process.counter is None:
            return can
        return terms.conjunction([terms.equal(terms.cell(process.counter), at), can])

    def _formula(self, text: str, *words: str) -> str:
        """Give the formula a name."""
        name = self.identifiers.new(*words)
        *lines, last = _wrapped(f"#define {name} ({text})", "")
        self.formulas += [*(f"{line} \\" for line in lines), last]
        return name

    # -- terms

    def _variable(self, cell: int) -> Variable:
        return self.model.system.variables[self.model.layout.cells[cell].variable]

    def _constant(self, value: int, values: Variable | Bool | None) -> str:
        word = word_for(self.model, value, values)
        if word is None:
            return str(value)
        if (word, value) not in self.values:
            self.values[word, value] = self.identifiers.new(word.upper())
        return self.values[word, value]

    def _text(self, term: Term, values: Variable | Bool | None = None) -> str:
        if isinstance(term, int):
            return self._constant(term, values)
        match term.kind, term.arguments:
            case "cell", (int(cell),):
                return self.names[cell]
            case "not", (Node(kind="eq") as inner,):
                return self._compared("!=", inner)
            case "not", (Node(kind="lt") as inner,):
                return self._compared(">=", inner)
            case "not", (inner,):
                return f"!{self._atom(inner)}"
            case ("and" | "or") as kind, parts:
                return (" && " if kind == "and" else " || ").join(map(self._part, parts))
            case "eq", _:
                return self._compared("==", term)
            case "lt", _:
                return self._compared("<", term)
            case (("add" | "sum"), parts):
                return " + ".join(map(self._atom, parts))
            case "if", (condition, *branches):
                then, other = (self._text(branch, values) for branch in branches)
                return f"({self._text(condition)} -> {then} : {other})"
        raise TypeError(term.kind)

    def _compared(self, sign: str, node: Node) -> str:
        values = values_of(self.model, *node.arguments)
        left, right = (self._atom(side, values) for side in node.arguments)
        return f"{left} {sign} {right}"

    def _part(self, term: Term) -> str:
        return self._atom(term) if isinstance(term, Node) and term.kind in ("and", "or") else self._text(term)

    def _atom(self, term: Term, values: Variable | Bool | None = None) -> str:
        text = self._text(term, values)
        bare = isinstance(term, int) or term.kind in ("cell", "if") or " " not in text
        return text if bare else f"({text})"


def _comment(*lines: str, indent: str = "") -> Iterator[str]:
    text = [piece for line in lines for piece in wrap(line.replace("*/", "* /"), _WIDTH - 8)]
    for number, line in enumerate(text):
        opening = "/*" if number == 0 else "  "
        yield f"{indent}{opening} {line}" + (" */" if number == len(text) - 1 else "")


def _wrapped(statement: str, indent: str) -> Iterator[str]:
    """Break the statement after operators only: SPIN takes an end of line after a name for a semicolon."""
    glued = re.sub(r"(?<!&&)(?<!\|\|)(?<!->)(?<!;) ", _GLUE, statement)
    lines = wrap(
        glued,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}   ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    yield from (line.replace(_GLUE, " ") for line in lines)
