"""Terms as LLVM assembly over the codes of a state.

Up to 64 truth values of a term over one group are one constant, tested by a shift. What joins groups is
computed from such pieces.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cowpath.model.explore.semantics import Semantics, Values, joined
from cowpath.model.finite.term import Node, Term


class Constants:
    """Tables of a module, each text once."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[bytes, int], int] = {}
        self._texts: list[str] = []

    def table(self, values: Values, width: int) -> str:
        """Return the name of a constant array of integers of so many bits."""
        key = (values.astype(np.int64, copy=False).tobytes(), width)
        number = self._numbers.setdefault(key, len(self._texts))
        if number == len(self._texts):
            items = ", ".join(f"i{width} {value}" for value in values.tolist())
            self._texts.append(f"[{len(values)} x i{width}] [{items}]")
        return f"@table.{number}"

    def text(self) -> str:
        """Return the definitions."""
        return "\n".join(f"@table.{n} = private constant {text}" for n, text in enumerate(self._texts))


class Writer:
    """Writes one function's body. An operand is a name or a literal; truth values are i1, numbers i64."""

    def __init__(self, semantics: Semantics, constants: Constants) -> None:
        self.semantics = semantics
        self.constants = constants
        self.coding = semantics.coding
        self.state_type = f"i{64 * self.coding.words}"
        self.lines: list[str] = []
        self._count = 0
        self._known: dict[object, str] = {}

    def add(self, operation: str) -> str:
        """Write an instruction with a result; return its name."""
        self._count += 1
        name = f"%v{self._count}"
        self.lines.append(f"  {name} = {operation}")
        return name

    def label(self, name: str) -> None:
        """Begin a block; what was computed in another need not be valid here."""
        self.lines.append(f"{name}:")
        self._known.clear()

    def remembered(self, key: object, make: Callable[[], str]) -> str:
        """Return what was made for this key in this block, or make it."""
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def word(self, number: int) -> str:
        """Return a word of the state %s; of machine words LLVM makes code much sooner than of wider."""
        if self.coding.words == 1:
            return "%s"

        def make() -> str:
            wide = self.add(f"lshr {self.state_type} %s, {64 * number}") if number else "%s"
            return self.add(f"trunc {self.state_type} {wide} to i64")

        return self.remembered(("word", number), make)

    def code(self, group: int) -> str:
        """Return a group's code as i64."""

        def make() -> str:
            width, (number, shift) = self.coding.groups[group].width, divmod(self.coding.shifts[group], 64)
            word = self.word(number)
            rest = self.add(f"lshr i64 {word}, {shift}") if shift else word
            if 64 * number + shift + width == self.coding.bits:
                return rest
            return self.add(f"and i64 {rest}, {(1 << width) - 1}")

        return self.remembered(("code", group), make)

    def entry(self, values: Values, index: str) -> str:
        """Return a table's entry as i64."""
        most = values.max()
        small = 8 if most < 1 << 8 else 16 if most < 1 << 16 else 64
        table = self.constants.table(values, small)
        place = self.add(f"getelementptr i{small}, ptr {table}, i64 {index}")
        entry = self.add(f"load i{small}, ptr {place}")
        return entry if small == 64 else self.add(f"zext i{small} {entry} to i64")

    def truth(self, term: Term) -> str:
        """Return the term as i1."""
        if isinstance(term, int):
            return "true" if term else "false"
        return self.remembered((term, True), lambda: self._truth(term))

    def number(self, term: Term) -> str:
        """Return the term as i64."""
        if isinstance(term, int):
            return str(term)
        return self.remembered((term, False), lambda: self._number(term))

    def member(self, group: int, truths: Values) -> str:
        """Tell whether the group's code is one where `truths` is set."""
        if truths.all():
            return "true"
        if not truths.any():
            return "false"
        if len(truths) > 64:

            def find() -> str:
                entry = self.entry((truths > 0).astype(np.int64), self.code(group))
                return self.add(f"trunc i64 {entry} to i1")

            return self.remembered((group, (truths > 0).tobytes()), find)
        mask = sum(1 << code for code, yes in enumerate(truths) if yes)
        signed = mask - (1 << 64) if mask >> 63 else mask

        def make() -> str:
            bit = self.add(f"lshr i64 {signed}, {self.code(group)}")
            return self.add(f"trunc i64 {bit} to i1")

        return self.remembered((group, mask), make)

    def _truth(self, node: Node) -> str:
        group = self.semantics.alone(node)
        if group is not None:
            return self.member(group, self.semantics.values(node))
        if node.kind in ("and", "or"):
            return self._junction(node)
        if node.kind == "not":
            return self.add(f"xor i1 {self.truth(node.arguments[0])}, true")
        if node.kind in ("eq", "lt"):
            left, right = (self.number(a) for a in node.arguments)
            return self.add(f"icmp {'eq' if node.kind == 'eq' else 'ult'} i64 {left}, {right}")
        if node.kind == "if":
            condition, then, other = (self.truth(a) for a in node.arguments)
            return self.add(f"select i1 {condition}, i1 {then}, i1 {other}")
        return self.add(f"icmp ne i64 {self.number(node)}, 0")

    def _junction(self, node: Node) -> str:
        """Join the parts over one group into one test each."""
        least = node.kind == "and"
        parts, rest = joined(self.semantics, node.arguments, least)
        tests = [self.member(group, truths) for group, truths in parts.items()]
        tests += [self.truth(term) for term in rest]
        unit, zero = ("true", "false") if least else ("false", "true")
        if zero in tests:
            return zero
        tests = [test for test in tests if test != unit] or [unit]
        result = tests[0]
        for test in tests[1:]:
            result = self.add(f"{node.kind} i1 {result}, {test}")
        return result

    def _number(self, node: Node) -> str:
        group = self.semantics.alone(node)
        if group is not None:
            return self.entry(self.semantics.values(node), self.code(group))
        match node.kind:
            case "add":
                left, right = (self.number(a) for a in node.arguments)
                return self.add(f"add i64 {left}, {right}")
            case "sum":
                total = "0"
                for argument in node.arguments:
                    one = self.add(f"zext i1 {self.truth(argument)} to i64")
                    total = self.add(f"add i64 {total}, {one}")
                return total
            case "if":
                condition, then, other = node.arguments
                test = self.truth(condition)
                return self.add(f"select i1 {test}, i64 {self.number(then)}, i64 {self.number(other)}")
        return self.add(f"zext i1 {self.truth(node)} to i64")
