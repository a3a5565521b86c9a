"""Terms over the codes of a state: a term over one group is a table over that group's codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from cowpath.model.explore.codes import Coding
from cowpath.model.finite.term import Node, Term, Terms

Values = npt.NDArray[np.int64]


class Semantics:
    """Values of terms over the codes of one group, and what is left of a term when one group is known."""

    def __init__(self, coding: Coding, terms: Terms) -> None:
        self.coding = coding
        self.terms = terms
        self._groups: dict[Node, int] = {}
        self._values: dict[Node, Values] = {}
        self._left: dict[tuple[Node, int, int], Term] = {}
        self._codes: dict[int, dict[bytes, int]] = {}

    def groups(self, term: Term) -> int:
        """Return the groups that the term's cells belong to, as a bit mask."""
        if isinstance(term, int):
            return 0
        if term not in self._groups:
            if term.kind == "cell":
                self._groups[term] = 1 << self.coding.home[_number(term)][0]
            else:
                mask = 0
                for argument in term.arguments:
                    mask |= self.groups(argument)
                self._groups[term] = mask
        return self._groups[term]

    def alone(self, term: Term) -> int | None:
        """Return the group that all of the term's cells belong to, if it is one."""
        mask = self.groups(term)
        return mask.bit_length() - 1 if mask and not mask & (mask - 1) else None

    def values(self, term: Node) -> Values:
        """Return the term's value for each code of the one group it belongs to."""
        if term not in self._values:
            self._values[term] = self._evaluate(term)
        return self._values[term]

    def left(self, term: Term, group: int, code: int) -> Term:
        """Return what is left of the term where the group has this code."""
        if isinstance(term, int) or not self.groups(term) >> group & 1:
            return term
        if self.groups(term) == 1 << group:
            return int(self.values(term)[code])
        key = (term, group, code)
        if key not in self._left:
            arguments = tuple(self.left(a, group, code) for a in term.arguments)
            self._left[key] = self.terms.rebuild(term, arguments)
        return self._left[key]

    def moves(
        self, group: int, olds: Sequence[int], cells: Mapping[int, Term], rows: Sequence[Mapping[int, int]]
    ) -> Values:
        """Return old code xor new code, by old code and row, where `cells` (by place) get new values.

        Each row has the values of those that are neither constant nor terms over the group itself. -1 stands
        for what cannot be.
        """
        valuations = self.coding.groups[group].valuations
        after = np.array([valuations[old] for old in olds], dtype=np.uint16)[:, None, :].repeat(len(rows), 1)
        for place, term in cells.items():
            if isinstance(term, int):
                after[:, :, place] = term
            elif place in rows[0]:
                after[:, :, place] = [row[place] for row in rows]
            else:
                after[:, :, place] = self.values(term)[list(olds)][:, None]
        known = self._codes.get(group)
        if known is None:
            known = {np.array(v, np.uint16).tobytes(): code for code, v in enumerate(valuations)}
            self._codes[group] = known
        found = after.view(f"V{2 * len(valuations[0])}").ravel().tolist()
        codes = np.array([known.get(each, -1) for each in found]).reshape(len(olds), len(rows))
        return np.where(codes < 0, -1, codes ^ np.array(olds)[:, None])

    def joining(self, group: int, cells: Mapping[int, Term]) -> dict[int, tuple[Node, int]]:
        """Return those of the new values that depend on other groups, each with its number of values."""
        valuations = self.coding.groups[group].valuations
        return {
            place: (term, 1 + max(valuation[place] for valuation in valuations))
            for place, term in cells.items()
            if isinstance(term, Node) and self.alone(term) != group
        }

    def _evaluate(self, node: Node) -> Values:
        if node.kind == "cell":
            group, place = self.coding.home[_number(node)]
            return np.array([v[place] for v in self.coding.groups[group].valuations], dtype=np.int64)
        inner = [np.int64(a) if isinstance(a, int) else self.values(a) for a in node.arguments]
        match node.kind:
            case "not":
                return np.asarray(1 - inner[0])
            case "and":
                return np.asarray(np.minimum.reduce(np.broadcast_arrays(*inner)))
            case "or":
                return np.asarray(np.maximum.reduce(np.broadcast_arrays(*inner)))
            case "eq":
                return np.asarray(inner[0] == inner[1], dtype=np.int64)
            case "lt":
                return np.asarray(inner[0] < inner[1], dtype=np.int64)
            case "add" | "sum":
                return np.asarray(np.add.reduce(np.broadcast_arrays(*inner)))
            case "if":
                return np.where(inner[0] != 0, inner[1], inner[2])
        raise TypeError(node.kind)


def _number(cell: Node) -> int:
    number = cell.arguments[0]
    assert isinstance(number, int)
    return number


def joined(semantics: Semantics, terms: Iterable[Term], least: bool) -> tuple[dict[int, Values], list[Term]]:
    """Gather a junction's parts: for each group the truth over its codes, and what joins groups."""
    parts: dict[int, Values] = {}
    rest: list[Term] = []
    for term in terms:
        group = semantics.alone(term)
        if group is None:
            rest.append(term)
        else:
            assert isinstance(term, Node)
            truths = semantics.values(term)
            known = parts.get(group)
            join = np.minimum if least else np.maximum
            parts[group] = truths if known is None else np.asarray(join(known, truths))
    return parts, rest
