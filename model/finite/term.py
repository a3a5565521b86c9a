"""Ground terms: what is left of an expression when the instance is known, folded and shared as it is built.

A term is an int (a constant) or a `Node` over components of the state vector. Equal nodes are one object
(hash-consing), so engines can share work between guards by identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One of: cell(i), not, and*, or*, eq, lt, add, if, sum*. Arguments are terms (of cell: its number)."""

    kind: str
    arguments: tuple[Term, ...]


Term = int | Node


class Terms:
    """Builds folded, shared terms."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, tuple[Term, ...]], Node] = {}

    def _node(self, kind: str, *arguments: Term) -> Node:
        shape = (kind, arguments)  # nodes compare by identity, and those inside are shared already
        found = self._known.get(shape)
        if found is None:
            found = self._known[shape] = Node(kind, arguments)
        return found

    def cell(self, number: int) -> Term:
        """The value of a component of the state."""
        return self._node("cell", number)

    def negation(self, term: Term) -> Term:
        """Not."""
        if isinstance(term, int):
            return 1 - term
        if term.kind == "not":
            return term.arguments[0]
        return self._node("not", term)

    def conjunction(self, terms: Iterable[Term]) -> Term:
        """And, flattened; 1 when empty."""
        return self._junction("and", 0, terms)

    def disjunction(self, terms: Iterable[Term]) -> Term:
        """Or, flattened; 0 when empty."""
        return self._junction("or", 1, terms)

    def _junction(self, kind: str, absorbing: int, terms: Iterable[Term]) -> Term:
        kept: dict[Term, None] = {}  # nodes only: constants are folded
        for term in terms:
            if isinstance(term, int):
                if term == absorbing:
                    return absorbing
            elif term.kind == kind:
                kept.update(dict.fromkeys(term.arguments))
            else:
                kept[term] = None
        for part in kept:
            if isinstance(part, Node) and part.kind == "not" and part.arguments[0] in kept:
                return absorbing
        if not kept:
            return 1 - absorbing
        if len(kept) == 1:
            return next(iter(kept))
        return self._node(kind, *kept)

    def equal(self, left: Term, right: Term) -> Term:
        """Equality; a constant goes right, and is pushed into the branches of an `if`."""
        if isinstance(left, int):
            left, right = right, left
        if isinstance(left, int):
            return int(left == right)
        if left is right:
            return 1
        if left.kind == "if" and isinstance(right, int):
            condition, then, other = left.arguments
            return self.choice(condition, self.equal(then, right), self.equal(other, right))
        return self._node("eq", left, right)

    def less(self, left: Term, right: Term) -> Term:
        """Strict order."""
        if isinstance(left, int) and isinstance(right, int):
            return int(left < right)
        if left is right:
            return 0
        return self._node("lt", left, right)

    def total(self, left: Term, right: Term) -> Term:
        """Sum of two."""
        if isinstance(left, int) and isinstance(right, int):
            return left + right
        if left == 0:
            return right
        if right == 0:
            return left
        return self._node("add", left, right)

    def choice(self, condition: Term, then: Term, other: Term) -> Term:
        """If-then-else."""
        if isinstance(condition, int):
            return then if condition else other
        if then is other or (isinstance(then, int) and isinstance(other, int) and then == other):
            return then
        if then == 1 and other == 0 and isinstance(then, int) and isinstance(other, int):
            return condition
        if then == 0 and other == 1 and isinstance(then, int) and isinstance(other, int):
            return self.negation(condition)
        return self._node("if", condition, then, other)

    def counted(self, terms: Iterable[Term]) -> Term:
        """How many of the terms are true."""
        constant, kept = 0, []
        for term in terms:
            if isinstance(term, int):
                constant += term
            else:
                kept.append(term)
        if not kept:
            return constant
        return self.total(self._node("sum", *kept), constant)

    def rebuild(self, node: Node, arguments: tuple[Term, ...]) -> Term:
        """Return a node of the same kind over other arguments, folded again."""
        match node.kind:
            case "not":
                return self.negation(arguments[0])
            case "and":
                return self.conjunction(arguments)
            case "or":
                return self.disjunction(arguments)
            case "eq":
                return self.equal(*arguments)
            case "lt":
                return self.less(*arguments)
            case "add":
                return self.total(*arguments)
            case "if":
                return self.choice(*arguments)
            case "sum":
                return self.counted(arguments)
        raise TypeError(node.kind)

    def substituted(self, term: Term, values: Mapping[int, Term], done: dict[Node, Term]) -> Term:
        """Return the term with other terms for components; `done` keeps what was rewritten for these."""
        if isinstance(term, int):
            return term
        if term not in done:
            if term.kind == "cell":
                (cell,) = term.arguments
                assert isinstance(cell, int)
                done[term] = values.get(cell, term)
            else:
                parts = tuple(self.substituted(a, values, done) for a in term.arguments)
                done[term] = self.rebuild(term, parts)
        return done[term]


def cells_of(term: Term) -> Iterator[int]:
    """Yield the numbers of the components a term reads (some perhaps more than once)."""
    if isinstance(term, Node):
        if term.kind == "cell":
            assert isinstance(term.arguments[0], int)
            yield term.arguments[0]
        else:
            for argument in term.arguments:
                yield from cells_of(argument)


def evaluate(term: Term, state: Sequence[int]) -> int:
    """Return a term's value in a state."""
    if isinstance(term, int):
        return term
    arguments = term.arguments
    match term.kind:
        case "cell":
            assert isinstance(arguments[0], int)
            return state[arguments[0]]
        case "not":
            return 1 - evaluate(arguments[0], state)
        case "and":
            return int(all(evaluate(a, state) for a in arguments))
        case "or":
            return int(any(evaluate(a, state) for a in arguments))
        case "eq":
            return int(evaluate(arguments[0], state) == evaluate(arguments[1], state))
        case "lt":
            return int(evaluate(arguments[0], state) < evaluate(arguments[1], state))
        case "add":
            return evaluate(arguments[0], state) + evaluate(arguments[1], state)
        case "if":
            return evaluate(arguments[1 if evaluate(arguments[0], state) else 2], state)
        case "sum":
            return sum(1 for a in arguments if evaluate(a, state))
    raise TypeError(term.kind)
