"""The commands of each owner as a function: one switch on the owner's code, then only what is possible there.

A successor is written unconditionally and the cursor moved by the guard, so there is no branch to mispredict.
With partial-order reduction the function also tells whom the owner needs.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from cowpath.model.explore.codes import Coding
from cowpath.model.explore.native.text import Constants, Writer
from cowpath.model.explore.reductions import UNREDUCED, Reductions
from cowpath.model.explore.semantics import Semantics, Values, joined
from cowpath.model.finite.ground import Command, GroundModel
from cowpath.model.finite.term import Node, Term

_MOST_ENTRIES = 1 << 18


class Unsupported(Exception):
    """The model is beyond what this engine does; the message says why."""


class Moves:
    """Writes a function for each owner: `ptr @owner.R(state, ptr head)` appends its successors.

    With needs it has one more parameter, where it puts the owners that R needs (see `alone`), as bits.
    """

    def __init__(
        self,
        model: GroundModel,
        semantics: Semantics,
        constants: Constants,
        reductions: Reductions = UNREDUCED,
    ) -> None:
        self.model = model
        self.semantics = semantics
        self.constants = constants
        self.coding: Coding = semantics.coding
        self.reductions = reductions
        self.most = 0  # successors of a state, at most

    def text(self) -> str:
        """Return the functions of all owners."""
        commands: list[dict[int, Command]] = [{} for _ in self.model.finished]
        for number, command in enumerate(self.model.commands):
            commands[command.owner][number] = command
        return "\n".join(self._owner(owner, mine) for owner, mine in enumerate(commands))

    def _owner(self, owner: int, commands: Mapping[int, Command]) -> str:
        switch = self._switch(owner)
        arms: dict[str, list[int]] = {}
        most = 0
        for code in range(1 if switch is None else len(self.coding.groups[switch].valuations)):
            body, count = self._arm(commands, switch, code)
            most = max(most, count)
            if count or self.reductions.needs:
                arms.setdefault(body, []).append(code)
        self.most += most
        state_type = f"i{64 * self.coding.words}"
        needed = ", ptr %needed" if self.reductions.needs else ""
        lines = [f"define internal ptr @owner.{owner}({state_type} %s, ptr %h0{needed}) {{"]
        if switch is None:
            lines.append(*arms or ["  ret ptr %h0"])
        else:
            writer = Writer(self.semantics, self.constants)
            code_name = writer.code(switch).replace("%v", "%c")
            lines += [line.replace("%v", "%c") for line in writer.lines]
            cases = [f"i64 {code}, label %a{n}" for n, codes in enumerate(arms.values()) for code in codes]
            lines.append(f"  switch i64 {code_name}, label %none [ {' '.join(cases)} ]")
            for n, body in enumerate(arms):
                lines += [f"a{n}:", body.replace("%v", f"%a{n}.")]
            lines += ["none:", "  ret ptr %h0"]
        return "\n".join([*lines, "}"])

    def _switch(self, owner: int) -> int | None:
        """Return the group that says where the owner is in its program."""
        cells = self.model.counters(owner)
        return self.coding.home[cells[0]][0] if cells and cells[0] in self.coding.home else None

    def _arm(self, commands: Mapping[int, Command], switch: int | None, code: int) -> tuple[str, int]:
        """Return the code for one place of the owner, and how many successors it can write."""
        writer = Writer(self.semantics, self.constants)
        head, count = "%h0", 0
        guards: dict[int, Term] = dict.fromkeys(commands, 0)
        for number, command in commands.items():
            guard: Term = command.enabled
            if switch is not None:
                guard = self._guard(command.enabled, switch, code)
            if isinstance(guard, int) and not guard:
                continue
            terms = guard.arguments if isinstance(guard, Node) and guard.kind == "and" else (guard,)
            possible, _ = joined(self.semantics, [t for t in terms if isinstance(t, Node)], True)
            if not all(truths.any() for truths in possible.values()):
                continue
            count += 1
            guards[number] = guard
            enabled = writer.truth(guard)
            for n, word in enumerate(self._successor(writer, command, switch, code, possible)):
                to = writer.add(f"getelementptr i64, ptr {head}, i64 {n}") if n else head
                writer.lines.append(f"  store i64 {word}, ptr {to}, align 8")
            words = str(self.coding.words)
            if enabled != "true":
                step = writer.add(f"zext i1 {enabled} to i64")
                words = writer.add(f"mul i64 {step}, {words}") if self.coding.words > 1 else step
            head = writer.add(f"getelementptr i64, ptr {head}, i64 {words}")
        if self.reductions.needs:
            writer.lines.append(f"  store i64 {self._needed(writer, guards, switch, code)}, ptr %needed")
        return "\n".join([*writer.lines, f"  ret ptr {head}"]), count

    def _needed(self, writer: Writer, guards: Mapping[int, Term], switch: int | None, code: int) -> str:
        """Write whom the owner of the commands needs at a place, if they are enabled where `guards` are true.

        It needs everybody if one of them is enabled and visible.
        """
        terms = self.model.terms
        cases: dict[int, list[Term]] = {other: [] for other in range(len(self.model.finished))}
        for number, guard in guards.items():
            if number in self.reductions.visible:
                for case in cases.values():
                    case.append(guard)
            for need in self.reductions.needs[number]:
                enabled, disabled = (
                    term if switch is None else self.semantics.left(term, switch, code)
                    for term in (need.enabled, need.disabled)
                )
                if enabled is disabled:
                    cases[need.other].append(enabled)
                    continue
                cases[need.other] += [
                    terms.conjunction([guard, enabled]),
                    terms.conjunction([terms.negation(guard), disabled]),
                ]
        sure, mask = 0, ""
        for other, case in cases.items():
            truth = writer.truth(terms.disjunction(case))
            if truth == "true":
                sure |= 1 << other
            elif truth != "false":
                wide = writer.add(f"zext i1 {truth} to i64")
                bit = writer.add(f"shl i64 {wide}, {other}")
                mask = writer.add(f"or i64 {mask}, {bit}") if mask else bit
        return writer.add(f"or i64 {mask}, {sure}") if mask else str(sure)

    def _guard(self, guard: Term, switch: int, code: int) -> Term:
        """Return what is left of a guard at a place; the cheap parts decide first."""
        left = []
        for part in sorted(_conjuncts(guard), key=lambda p: self.semantics.alone(p) != switch):
            known = self.semantics.left(part, switch, code)
            if isinstance(known, int) and not known:
                return 0
            left.append(known)
        return self.model.terms.conjunction(left)

    def _successor(
        self, writer: Writer, command: Command, switch: int | None, code: int, possible: Mapping[int, Values]
    ) -> list[str]:
        """Write the successor's words: the state with the codes of all groups that change replaced by xor."""
        changed: dict[int, dict[int, Term]] = {}
        for cell, value in command.updates:
            group, place = self.coding.home[cell]
            left = value if switch is None else self.semantics.left(value, switch, code)
            changed.setdefault(group, {})[place] = left
        after = [writer.word(n) for n in range(self.coding.words)]
        constants = [0] * self.coding.words
        for group, cells in changed.items():
            difference = self._difference(writer, group, cells, code if group == switch else None, possible)
            n, shift = divmod(self.coding.shifts[group], 64)
            if isinstance(difference, int):
                constants[n] ^= difference << shift
            else:
                moved = writer.add(f"shl i64 {difference}, {shift}") if shift else difference
                after[n] = writer.add(f"xor i64 {after[n]}, {moved}")
        return [
            writer.add(f"xor i64 {word}, {constant}") if constant else word
            for word, constant in zip(after, constants, strict=True)
        ]

    def _difference(
        self,
        writer: Writer,
        group: int,
        cells: Mapping[int, Term],
        code: int | None,
        possible: Mapping[int, Values],
    ) -> int | str:
        """Return old code xor new code of a group: a constant, or the name of an entry of a table.

        The table is indexed by the group's own code (unless known) and by whatever else the new values
        depend on: the code of one other group, or the values of terms that join groups.
        """
        olds = range(len(self.coding.groups[group].valuations)) if code is None else [code]
        joining = self.semantics.joining(group, cells)
        sources = {self.semantics.alone(term) for term, _ in joining.values()}
        index: list[tuple[str, int]] = []  # what else the table is indexed by: operand, number of values
        if len(sources) == 1 and (source := sources.pop()) is not None:
            columns = {i: [int(v) for v in self.semantics.values(t)] for i, (t, _) in joining.items()}
            size = len(self.coding.groups[source].valuations)
            rows = [{i: column[c] for i, column in columns.items()} for c in range(size)]
            index.append((writer.code(source), size))
        else:
            values = itertools.product(*(range(n) for _, n in joining.values()))
            rows = [dict(zip(joining, row, strict=True)) for row in values]
            index += [self._bounded(writer, t, n) for t, n in joining.values()]
        if len(olds) * len(rows) > _MOST_ENTRIES:
            raise Unsupported(f"a table of {len(olds) * len(rows)} entries would be needed")
        moves = self.semantics.moves(group, olds, cells, rows)
        likely = [0] if code is not None else np.flatnonzero(possible.get(group, np.ones(len(olds))))
        seen = set(moves[likely].ravel().tolist()) - {-1}
        if len(seen) < 2:
            return seen.pop() if seen else 0
        place = "0" if code is not None else writer.code(group)
        for operand, size in index:
            scaled = place if place == "0" else writer.add(f"mul i64 {place}, {size}")
            place = operand if scaled == "0" else writer.add(f"add i64 {scaled}, {operand}")
        return writer.entry(np.maximum(moves, 0).ravel(), place)

    def _bounded(self, writer: Writer, term: Term, size: int) -> tuple[str, int]:
        """Return a term's value as an index; where the guard fails it may be anything, so look."""
        value = writer.number(term)
        inside = writer.add(f"icmp ult i64 {value}, {size}")
        return writer.add(f"select i1 {inside}, i64 {value}, i64 0"), size


def _conjuncts(term: Term) -> tuple[Term, ...]:
    return term.arguments if isinstance(term, Node) and term.kind == "and" else (term,)
