"""Narrowing: which values each component of the state can really take, and a ground model rid of the rest.

An abstract interpretation that keeps a set of values (a bit mask) for each component and forgets how
components hang together; a command's own guard refines the sets its updates see. What comes out contains
every reachable state, so dropping the rest changes no verdict and no count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from cowpath.model.finite.ground import Command, GroundModel, WaitFor
from cowpath.model.finite.term import Node, Term, Terms, cells_of

_BOTH = 0b11


@dataclass(frozen=True)
class Narrowed:
    """A ground model over fewer values. `values[i]`: what component i can take, ascending.

    `unproved[n]`: the (cell, new value) pairs of command n that may leave the cell's sort, so engines must
    look whenever the command happens.
    """

    model: GroundModel
    values: tuple[tuple[int, ...], ...]
    unproved: Mapping[int, tuple[tuple[int, Term], ...]]


def narrow(model: GroundModel) -> Narrowed:
    """Return the model without the commands that can never happen, and the values that can."""
    masks = [1 << value for value in model.initial]
    full = [(1 << size) - 1 for size in model.layout.sizes]
    readers: dict[int, list[int]] = {}
    for number, command in enumerate(model.commands):
        read = {*cells_of(command.enabled)}
        for cell, value in command.updates:
            read |= {cell, *cells_of(value)}
        for cell in read:
            readers.setdefault(cell, []).append(number)
    outside: dict[int, set[int]] = {}
    queue = deque(range(len(model.commands)))
    queued = set(queue)
    while queue:
        number = queue.popleft()
        queued.discard(number)
        command = model.commands[number]
        seen = refine(command.enabled, masks)
        if seen is None:
            continue
        for cell, value in command.updates:
            new = possible_values(value, seen, masks)
            if new & ~full[cell]:
                outside.setdefault(number, set()).add(cell)
                new &= full[cell]
            if new & ~masks[cell]:
                masks[cell] |= new
                for reader in readers.get(cell, ()):
                    if reader not in queued:
                        queued.add(reader)
                        queue.append(reader)
    return _rebuilt(model, masks, outside)


def _rebuilt(model: GroundModel, masks: list[int], outside: dict[int, set[int]]) -> Narrowed:
    simple = Simplifier(model.terms, masks)
    commands: list[Command] = []
    unproved: dict[int, tuple[tuple[int, Term], ...]] = {}
    for number, command in enumerate(model.commands):
        if refine(command.enabled, masks) is None and refine(command.here, masks) is None:
            continue
        waits = tuple(
            WaitFor(w.number, w.other, condition)
            for w in command.waits
            if (condition := simple(w.condition)) != 0
        )
        enabled, here = simple(command.enabled), simple(command.here)
        updates = tuple((cell, simple(value)) for cell, value in command.updates if _many(masks[cell]))
        if number in outside:
            values = dict(command.updates)
            unproved[len(commands)] = tuple((cell, simple(values[cell])) for cell in sorted(outside[number]))
        commands.append(replace(command, enabled=enabled, here=here, waits=waits, updates=updates))
    narrowed = replace(
        model,
        commands=tuple(commands),
        always={name: simple(term) for name, term in model.always.items()},
        sometimes={name: simple(term) for name, term in model.sometimes.items()},
        finished=tuple(simple(term) for term in model.finished),
        pending=tuple(simple(term) for term in model.pending),
    )
    return Narrowed(narrowed, tuple(tuple(members(mask)) for mask in masks), unproved)


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
        if term not in self.done:
            self.done[term] = self._rewrite(term)
        return self.done[term]

    def _rewrite(self, node: Node) -> Term:
        if node.kind == "cell":
            cell = node.arguments[0]
            assert isinstance(cell, int)
            return node if _many(self.masks[cell]) else self.masks[cell].bit_length() - 1
        if node.kind in ("eq", "lt"):
            mask = possible_values(node, {}, self.masks)
            if mask != _BOTH:
                return mask.bit_length() - 1
        return self.terms.rebuild(node, tuple(self(a) for a in node.arguments))


def refine(guard: Term, masks: list[int]) -> dict[int, int] | None:
    """Return narrower masks for cells that the conjuncts of a guard speak of; None if it cannot hold."""
    seen: dict[int, int] = {}
    if isinstance(guard, int):
        return seen if guard else None
    conjuncts = guard.arguments if guard.kind == "and" else (guard,)
    for conjunct in conjuncts:
        allowed = _allowed(conjunct, masks)
        if allowed is not None:
            cell, mask = allowed
            seen[cell] = seen.get(cell, masks[cell]) & mask
            if not seen[cell]:
                return None
    for conjunct in conjuncts:
        if not possible_values(conjunct, seen, masks) & 0b10:
            return None
    return seen


def _allowed(term: Term, masks: list[int]) -> tuple[int, int] | None:
    """Return (cell, mask) if the term constrains exactly one cell in a form understood here."""
    if isinstance(term, int):
        return None
    match term.kind, term.arguments:
        case "cell", (int(cell),):
            return cell, 0b10
        case "eq", (Node(kind="cell", arguments=(int(cell),)), int(value)):
            return cell, 1 << value
        case "not", (operand,):
            inner = _allowed(operand, masks)
            return inner and (inner[0], masks[inner[0]] & ~inner[1])
        case "or", arguments:
            parts = [_allowed(a, masks) for a in arguments]
            cells = {part[0] for part in parts if part}
            if len(cells) == 1 and all(parts):
                mask = 0
                for part in parts:
                    assert part is not None
                    mask |= part[1]
                return cells.pop(), mask
    return None


def possible_values(term: Term, seen: dict[int, int], masks: list[int]) -> int:
    """Return the mask of values the term can take when each cell ranges freely over its own, or `seen`."""
    if isinstance(term, int):
        return 1 << term
    arguments = term.arguments
    if term.kind == "cell":
        cell = arguments[0]
        assert isinstance(cell, int)
        return seen.get(cell, masks[cell])
    inner = [possible_values(a, seen, masks) for a in arguments]
    match term.kind:
        case "not":
            return (inner[0] & 1) << 1 | inner[0] >> 1
        case "and":
            return 0b01 if 0b01 in inner else 0b10 if all(m == 0b10 for m in inner) else _BOTH
        case "or":
            return 0b10 if 0b10 in inner else 0b01 if all(m == 0b01 for m in inner) else _BOTH
        case "eq":
            if not inner[0] & inner[1]:
                return 0b01
            return _BOTH if _many(inner[0]) or _many(inner[1]) else 0b10
        case "lt":
            can = min(members(inner[0])) < max(members(inner[1]))
            must = max(members(inner[0])) < min(members(inner[1]))
            return 0b10 if must else _BOTH if can else 0b01
        case "if":
            return (inner[1] if inner[0] & 0b10 else 0) | (inner[2] if inner[0] & 0b01 else 0)
        case "add" | "sum":
            if term.kind == "sum":
                inner = [m & _BOTH for m in inner]
            sums = 1
            for mask in inner:
                sums = sum({1 << a + b for a in members(sums) for b in members(mask)})
            return sums
    raise TypeError(term.kind)
