"""Two commands, one after the other: terms over the state before both."""

from __future__ import annotations

from collections.abc import Iterator

from cowpath.model.finite.domains import Narrowed
from cowpath.model.finite.term import Node, Term, cells_of


class Commutation:
    """Terms about two commands one after the other."""

    def __init__(self, narrowed: Narrowed) -> None:
        self.terms = narrowed.model.terms
        self.commands = narrowed.model.commands
        self.updates = [dict(command.updates) for command in self.commands]
        self._after: list[dict[Node, Term]] = [{} for _ in self.commands]
        self._cells: dict[Node, frozenset[int]] = {}
        self.touched = [
            self.cells(c.enabled).union(u, *map(self.cells, u.values()))
            for c, u in zip(self.commands, self.updates, strict=True)
        ]

    def cells(self, term: Term) -> frozenset[int]:
        """Return the components that a term reads."""
        if isinstance(term, int):
            return frozenset()
        if term not in self._cells:
            self._cells[term] = frozenset(cells_of(term))
        return self._cells[term]

    def after(self, number: int, term: Term) -> Term:
        """Return what the term is worth after the command, as a term over the state before it."""
        updates = self.updates[number]
        if self.cells(term).isdisjoint(updates):
            return term
        return self.terms.substituted(term, updates, self._after[number])

    def apart(self, c: int, d: int) -> bool:
        """Tell whether neither command changes what the other reads or changes."""
        return self.touched[c].isdisjoint(self.updates[d]) and self.touched[d].isdisjoint(self.updates[c])

    def differences(self, c: int, d: int) -> Iterator[Term]:
        """Yield for each component that either changes whether the order matters to it."""
        for cell in sorted({*self.updates[c], *self.updates[d]}):
            old = self.terms.cell(cell)
            first = self.after(c, self.updates[d].get(cell, old))
            second = self.after(d, self.updates[c].get(cell, old))
            if first is not second:
                yield self.terms.negation(self.terms.equal(first, second))
