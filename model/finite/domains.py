"""Narrowing: which values each component of the state can really take, and a ground model rid of the rest.

An abstract interpretation that keeps a set of values (a bit mask) for each component and forgets how
components hang together; a command's own guard refines the sets its updates see. What comes out contains
every reachable state, so dropping the rest changes no verdict and no count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from cowpath.model.finite.ground import Command, GroundModel, Updates, WaitFor
from cowpath.model.finite.term import Node, Term, Terms, cells_of

_FALSE, _TRUE, _BOTH = 0b01, 0b10, 0b11


@dataclass(frozen=True)
class Narrowed:
    """A ground model over fewer values. `values[i]`: what component i can take, ascending.

    `unproved[n]`: the (cell, new value) pairs of command n that may leave the cell's sort, so engines must
    look whenever the command happens.
    """

    model: GroundModel
    values: tuple[tuple[int, ...], ...]
    unproved: Mapping[int, tuple[tuple[int, Term], ...]]

    @cached_property
    def rigid(self) -> tuple[int, ...]:
        """Components that no command changes, though they have more than one value: they differ by start."""
        if len(self.model.starts) == 1:
            return ()
        changed = {cell for command in self.model.commands for cell, _ in command.updates}
        return tuple(c for c, values in enumerate(self.values) if len(values) > 1 and c not in changed)


def narrow(model: GroundModel) -> Narrowed:
    """Return the model without the commands that can never happen, and the values that can.

    Raises `ModelError` if two assignments of a command that may happen meet in one cell.
    """
    return _Narrowing(model).result()


class _Narrowing:
    """The least sets of values that hold the initial states and that no command leaves.

    A command is looked at again when a component that its guard or its values read has got a new value; while
    its guard cannot hold, only when one that closes the guard has.
    """

    def __init__(self, model: GroundModel) -> None:
        self.model = model
        self.masks = [0] * len(model.layout.cells)
        for start in model.starts:
            for cell, value in enumerate(start):
                self.masks[cell] |= 1 << value
        self.full = [(1 << size) - 1 for size in model.layout.sizes]
        self.guards = [Guard(command.enabled) for command in model.commands]
        self.alive = [False] * len(self.guards)
        self.readers: list[list[int]] = [[] for _ in self.masks]  # commands that are alive
        self.closed: list[set[int]] = [set() for _ in self.masks]  # commands whose guard it closes
        self.outside: dict[int, set[int]] = {}
        self.cells: dict[Node, frozenset[int]] = {}
        self._close()

    def _close(self) -> None:
        queue = deque(range(len(self.guards)))
        queued = [True] * len(self.guards)
        while queue:
            number = queue.popleft()
            queued[number] = False
            for cell in self._grown(number):
                for other in (*self.readers[cell], *self.closed[cell]):
                    if not queued[other]:
                        queued[other] = True
                        queue.append(other)
                self.closed[cell].clear()

    def _grown(self, number: int) -> Iterable[int]:
        """Let the command happen wherever it may; yield the components that have got new values."""
        masks, guard = self.masks, self.guards[number]
        seen = guard.refine(masks)
        if seen is None:
            for cell in guard.closed_by(masks):
                self.closed[cell].add(number)
            return
        updates = self.model.commands[number].updates
        if not self.alive[number]:
            self.alive[number] = True
            read = set(self._cells(self.model.commands[number].enabled))
            for _, value in updates:
                read |= self._cells(value)
            for cell in read:
                self.readers[cell].append(number)
        for cell, value in updates:
            new = 1 << value if isinstance(value, int) else possible_values(value, seen, masks)
            if new & ~self.full[cell]:
                self.outside.setdefault(number, set()).add(cell)
                new &= self.full[cell]
            if new & ~masks[cell]:
                masks[cell] |= new
                yield cell

    def _cells(self, term: Term) -> frozenset[int]:
        if isinstance(term, int):
            return frozenset()
        found = self.cells.get(term)
        if found is None:
            if term.kind == "cell":
                found = frozenset(cells_of(term))
            else:
                found = frozenset().union(*map(self._cells, term.arguments))
            self.cells[term] = found
        return found

    def result(self) -> Narrowed:
        """Return the model over these values."""
        model, masks = self.model, self.masks
        simple = Simplifier(model.terms, masks)
        commands: list[Command] = []
        unproved: dict[int, tuple[tuple[int, Term], ...]] = {}
        for number, command in enumerate(model.commands):
            if not self.alive[number] and refine(command.here, masks) is None:
                continue
            waits = tuple(
                WaitFor(w.number, w.other, condition)
                for w in command.waits
                if (condition := simple(w.condition)) != 0
            )
            updates = tuple((cell, simple(value)) for cell, value in command.updates if _many(masks[cell]))
            if number in self.outside:
                values = dict(command.updates)
                unproved[len(commands)] = tuple(
                    (cell, simple(values[cell])) for cell in sorted(self.outside[number])
                )
            commands.append(
                Command(
                    command.action,
                    command.arguments,
                    simple(command.enabled),
                    simple(command.here),
                    waits,
                    _constantly(updates),
                )
            )
        narrowed = replace(
            model,
            commands=tuple(commands),
            always={name: simple(term) for name, term in model.always.items()},
            sometimes={name: simple(term) for name, term in model.sometimes.items()},
            finished=tuple(simple(term) for term in model.finished),
            pending=tuple(simple(term) for term in model.pending),
            hangs=tuple(simple(term) for term in model.hangs),
        )
        return Narrowed(narrowed, tuple(tuple(members(mask)) for mask in masks), unproved)


def _constantly(updates: Updates) -> Callable[[], Updates]:
    return lambda: updates


def members(mask: int) -> Iterable[int]:
    """Yield the values in a mask, ascending."""
    return (value for value in range(mask.bit_length()) if mask >> value & 1)


def _many(mask: int) -> bool:
    return mask & (mask - 1) != 0


class Simplifier:
    """Rewrites terms, knowing what values each component can take (one bit mask a component)."""

    def __init__(self, terms: Terms, masks: list[int]) -> None:
        self.terms = terms
        self.masks = masks
        self.done: dict[Node, Term] = {}

    def __call__(self, term: Term) -> Term:
        """Return a term that has the same value wherever each component has one of its values."""
        if isinstance(term, int):
            return term
        found = self.done.get(term)
        if found is None:
            found = self.done[term] = self._rewrite(term)
        return found

    def _rewrite(self, node: Node) -> Term:
        kind = node.kind
        if kind == "cell":
            cell = node.arguments[0]
            assert isinstance(cell, int)
            return node if _many(self.masks[cell]) else self.masks[cell].bit_length() - 1
        if kind == "eq" or kind == "lt":
            mask = possible_values(node, {}, self.masks)
            if mask != _BOTH:
                return mask.bit_length() - 1
        arguments = tuple([self(a) for a in node.arguments])
        if all(new is old for new, old in zip(arguments, node.arguments, strict=True)):
            return node
        return self.terms.rebuild(node, arguments)


class Guard:
    """A term's conjuncts: `tests` say (cell, allowed values) of one cell each, `rest` says anything else.

    A mask of allowed values may be negative: all but some.
    """

    __slots__ = ("possible", "rest", "tests")

    def __init__(self, term: Term) -> None:
        self.possible = not isinstance(term, int) or term != 0
        self.tests: list[tuple[int, int]] = []
        self.rest: list[Term] = []
        if isinstance(term, int):
            return
        for conjunct in term.arguments if term.kind == "and" else (term,):
            test = _allowed(conjunct)
            if test is None:
                self.rest.append(conjunct)
            else:
                self.tests.append(test)

    def refine(self, masks: list[int]) -> dict[int, int] | None:
        """Return narrower masks for the cells that the guard tests; None if it cannot hold."""
        if not self.possible:
            return None
        seen: dict[int, int] = {}
        for cell, allowed in self.tests:
            mask = seen.get(cell, masks[cell]) & allowed
            if not mask:
                return None
            seen[cell] = mask
        for conjunct in self.rest:
            if not possible_values(conjunct, seen, masks) & _TRUE:
                return None
        return seen

    def closed_by(self, masks: list[int]) -> Iterable[int]:
        """Return cells without new values of which a guard that cannot hold stays so."""
        seen: dict[int, int] = {}
        for cell, allowed in self.tests:
            mask = seen.get(cell, masks[cell]) & allowed
            if not mask:
                return (cell,)
            seen[cell] = mask
        for conjunct in self.rest:
            if not possible_values(conjunct, seen, masks) & _TRUE:
                return set(cells_of(conjunct))
        return ()


def refine(guard: Term, masks: list[int]) -> dict[int, int] | None:
    """Return narrower masks for cells that the conjuncts of a guard speak of; None if it cannot hold."""
    return Guard(guard).refine(masks)


def _allowed(term: Term) -> tuple[int, int] | None:
    """Return (cell, mask) if the term constrains exactly one cell in a form understood here."""
    if isinstance(term, int):
        return None
    kind, arguments = term.kind, term.arguments
    if kind == "cell":
        assert isinstance(arguments[0], int)
        return arguments[0], _TRUE
    if kind == "eq":
        left, right = arguments
        if isinstance(left, Node) and left.kind == "cell" and isinstance(right, int):
            assert isinstance(left.arguments[0], int)
            return left.arguments[0], 1 << right
    elif kind == "not":
        inner = _allowed(arguments[0])
        return inner and (inner[0], ~inner[1])
    elif kind == "or":
        parts = [_allowed(a) for a in arguments]
        if all(parts) and len({part[0] for part in parts if part}) == 1:
            cell, mask = 0, 0
            for part in parts:
                assert part is not None
                cell = part[0]
                mask |= part[1]
            return cell, mask
    return None


def possible_values(term: Term, seen: Mapping[int, int], masks: list[int]) -> int:
    """Return the mask of values the term can take when each cell ranges freely over its own, or `seen`."""
    if isinstance(term, int):
        return 1 << term
    kind, arguments = term.kind, term.arguments
    if kind == "cell":
        cell = arguments[0]
        assert isinstance(cell, int)
        found = seen.get(cell)
        return masks[cell] if found is None else found
    if kind == "eq":
        left = possible_values(arguments[0], seen, masks)
        right = possible_values(arguments[1], seen, masks)
        if not left & right:
            return _FALSE
        return _BOTH if _many(left) or _many(right) else _TRUE
    if kind == "not":
        mask = possible_values(arguments[0], seen, masks)
        return (mask & 1) << 1 | mask >> 1
    if kind == "and" or kind == "or":
        absorbing = _FALSE if kind == "and" else _TRUE
        sure = True
        for argument in arguments:
            mask = possible_values(argument, seen, masks)
            if mask == absorbing:
                return absorbing
            sure = sure and mask == _BOTH - absorbing
        return _BOTH - absorbing if sure else _BOTH
    if kind == "if":
        mask = possible_values(arguments[0], seen, masks)
        then = possible_values(arguments[1], seen, masks) if mask & _TRUE else 0
        return then | (possible_values(arguments[2], seen, masks) if mask & _FALSE else 0)
    inner = [possible_values(a, seen, masks) for a in arguments]
    if kind == "lt":
        can = (inner[0] & -inner[0]) < 1 << (inner[1].bit_length() - 1)
        must = 1 << (inner[0].bit_length() - 1) < (inner[1] & -inner[1])
        return _TRUE if must else _BOTH if can else _FALSE
    if kind == "sum":
        inner = [mask & _BOTH for mask in inner]
    elif kind != "add":
        raise TypeError(kind)
    sums = 1
    for mask in inner:
        sums = sum({1 << a + b for a in members(sums) for b in members(mask)})
    return sums
