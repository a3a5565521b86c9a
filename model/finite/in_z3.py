"""Ground terms in z3: one Boolean or bit-vector constant for each component of the state.

A sum gets as many bits as its largest value needs and a comparison as many as its wider side, so nothing
can overflow and the arithmetic is that of the integers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import z3

from cowpath.model.finite.term import Node, Term


class FiniteState:
    """The components of a state vector as z3 constants, and terms over them.

    `sizes[i]` is how many values component i has (0 .. size-1). Two states with different prefixes share
    no constant. Translated terms are kept, so equal terms are one z3 expression.
    """

    def __init__(self, sizes: Sequence[int], prefix: str = "c") -> None:
        self.sizes = sizes
        self.prefix = prefix
        self._highest: dict[Node, int] = {}
        self._booleans: dict[Node, z3.BoolRef] = {}
        self._numbers: dict[Node, z3.BitVecRef] = {}

    def in_range(self) -> z3.BoolRef:
        """Return that every component has one of its values."""
        wide = (i for i, size in enumerate(self.sizes) if size & (size - 1))
        return z3.And([z3.ULT(self._vector(i), self.sizes[i]) for i in wide])

    def equals(self, cell: int, value: Term) -> z3.BoolRef:
        """Return that a component has the value of a term over the same state."""
        return self._equal(Node("cell", (cell,)), value)

    def boolean(self, term: Term) -> z3.BoolRef:
        """Translate a term whose values are 0 and 1. Raises `TypeError` if it has others."""
        if isinstance(term, int):
            return z3.BoolVal(bool(term))
        if term not in self._booleans:
            if self.highest(term) > 1:
                raise TypeError(f"a truth value is wanted; this '{term.kind}' may be {self.highest(term)}")
            self._booleans[term] = self._boolean(term)
        return self._booleans[term]

    def number(self, term: Term) -> z3.BitVecRef:
        """Translate a term to a bit-vector just wide enough for its largest value."""
        if isinstance(term, int):
            return z3.BitVecVal(term, _bits(term))
        if term not in self._numbers:
            self._numbers[term] = self._number(term)
        return self._numbers[term]

    def value(self, model: z3.ModelRef, cell: int) -> int:
        """Return a component's value in a z3 model."""
        found = model.eval(self.number(Node("cell", (cell,))), model_completion=True)
        assert isinstance(found, z3.BitVecNumRef)
        return found.as_long()

    def highest(self, term: Term) -> int:
        """Return a bound on the term's values."""
        if isinstance(term, int):
            return term
        if term not in self._highest:
            self._highest[term] = self._bound(term)
        return self._highest[term]

    def _bound(self, term: Node) -> int:
        match term.kind, term.arguments:
            case "cell", (int(cell),):
                return self.sizes[cell] - 1
            case "add", arguments:
                return sum(map(self.highest, arguments))
            case "if", (_, then, other):
                return max(self.highest(then), self.highest(other))
            case "sum", arguments:
                return len(arguments)
        return 1

    def _boolean(self, term: Node) -> z3.BoolRef:
        match term.kind, term.arguments:
            case "cell", (int(cell),):
                return z3.Bool(f"{self.prefix}{cell}")
            case "not", (operand,):
                return z3.Not(self.boolean(operand))
            case "and", arguments:
                return joined(z3.Z3_mk_and, [self.boolean(a) for a in arguments])
            case "or", arguments:
                return joined(z3.Z3_mk_or, [self.boolean(a) for a in arguments])
            case "eq", (left, right):
                return self._equal(left, right)
            case "lt", (left, right):
                return z3.ULT(*self._aligned(left, right))
            case "if", (condition, then, other):
                return z3.If(self.boolean(condition), self.boolean(then), self.boolean(other))
        return self.number(term) == 1

    def _number(self, term: Node) -> z3.BitVecRef:
        match term.kind, term.arguments:
            case "cell", (int(cell),) if self.sizes[cell] > 2:
                return self._vector(cell)
            case "add", arguments:
                return self._total([self.number(a) for a in arguments], self.highest(term))
            case "sum", arguments:
                return self._total([_bit(self.boolean(a)) for a in arguments], self.highest(term))
            case "if", (condition, then, other) if self.highest(term) > 1:
                return z3.If(self.boolean(condition), *self._aligned(then, other))
        return _bit(self.boolean(term))

    def _vector(self, cell: int) -> z3.BitVecRef:
        return z3.BitVec(f"{self.prefix}{cell}", _bits(self.sizes[cell] - 1))

    def _equal(self, left: Term, right: Term) -> z3.BoolRef:
        if max(self.highest(left), self.highest(right)) <= 1:
            return self.boolean(left) == self.boolean(right)
        return equate(self.number(left), self.number(right))

    def _aligned(self, left: Term, right: Term) -> tuple[z3.BitVecRef, z3.BitVecRef]:
        return _aligned(self.number(left), self.number(right))

    def _total(self, parts: Sequence[z3.BitVecRef], highest: int) -> z3.BitVecRef:
        first, *others = (_widened(part, _bits(highest)) for part in parts)
        for other in others:
            first = first + other
        return first


def equate(one: z3.BitVecRef, two: z3.BitVecRef) -> z3.BoolRef:
    """Return that two numbers are equal, however wide each is; they may be of different states."""
    left, right = _aligned(one, two)
    return left == right


def _aligned(one: z3.BitVecRef, two: z3.BitVecRef) -> tuple[z3.BitVecRef, z3.BitVecRef]:
    bits = max(one.size(), two.size())
    return _widened(one, bits), _widened(two, bits)


def _bits(highest: int) -> int:
    return max(1, highest.bit_length())


def _bit(truth: z3.BoolRef) -> z3.BitVecRef:
    return z3.If(truth, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1))


def _widened(number: z3.BitVecRef, bits: int) -> z3.BitVecRef:
    return number if number.size() == bits else z3.ZeroExt(bits - number.size(), number)


def joined(make: Callable[..., z3.Ast], parts: Sequence[z3.BoolRef]) -> z3.BoolRef:
    """Do what z3.And and z3.Or do, without their search for a common sort: it takes most of the time."""
    context = parts[0].ctx
    return z3.BoolRef(
        make(context.ref(), len(parts), (z3.Ast * len(parts))(*(p.as_ast() for p in parts))), context
    )
