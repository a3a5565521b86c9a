"""The text of a model in z3, quantifiers and all: for any number of elements, or for a universe of a few.

Every variable and parameter is a z3 function. An index sort that has positions is the integers from 0 up
to its size; any other is a sort of its own, with "nobody" as one more element where there is a `Maybe`. In
a universe of given sizes all of them are small integers, and quantifiers are written out.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache

import z3

from cowpath.model.finite.in_z3 import joined
from cowpath.model.language.expression import (
    Add,
    And,
    Const,
    Eq,
    Expr,
    IfThenElse,
    Less,
    Local,
    Not,
    Or,
    Param,
    Quantified,
    Read,
    Size,
    index_of,
)
from cowpath.model.language.sorts import Bool, Enum, Index, Int, Maybe, Position, Sort
from cowpath.model.language.system import Action, Parameter, System, Variable

Look = Callable[[str, tuple[z3.ExprRef, ...]], z3.ExprRef]
"""The value of a variable at some indices, in one state."""
Step = Callable[[z3.ExprRef], z3.ExprRef]
"""The same term, its reads of one state made reads of another."""
Bindings = Mapping[int, z3.ExprRef]


class Universe:
    """A system's sorts and functions in z3. `sizes` None: any number of elements of each index sort."""

    def __init__(self, system: System, sizes: Mapping[str, int] | None = None) -> None:
        self.system = system
        self.sizes = sizes
        declared = system.declarations
        sorts = [d.sort for d in declared]
        indices = {i.name: i for d in declared for i in d.indices}
        for sort in sorts:
            if isinstance(sort, Maybe | Position):
                indices[sort.index.name] = sort.index
        self.indices = indices
        self._counted = {s.index.name for s in sorts if isinstance(s, Position)}
        self._nobody = {s.index.name for s in sorts if isinstance(s, Maybe)}
        self._fresh = itertools.count()
        self.functions: dict[str, z3.FuncDeclRef] = {
            d.name: z3.Function(d.name, *map(self.sort, d.indices), self.sort(d.sort)) for d in declared
        }

    # -- sorts and their values

    def is_number(self, sort: Sort) -> bool:
        """Tell whether the sort's values are integers in z3."""
        if isinstance(sort, Index | Maybe | Position):
            index = sort if isinstance(sort, Index) else sort.index
            return self.sizes is not None or index.name in self._counted
        return isinstance(sort, Int)

    def sort(self, sort: Sort) -> z3.SortRef:
        """Return the z3 sort."""
        if isinstance(sort, Bool):
            return z3.BoolSort()
        if isinstance(sort, Enum):
            return _constants(sort)[0].sort()
        if self.is_number(sort):
            return z3.IntSort()
        index = sort.index if isinstance(sort, Maybe | Position) else sort
        return z3.DeclareSort(str(index))

    def size(self, index: Index) -> z3.ExprRef:
        """Return the number of elements; for a sort of its own, the element that is nobody."""
        if self.sizes is not None:
            return z3.IntVal(self.sizes[index.name])
        if self.is_number(index):
            return z3.Int(f"size of {index.name}")
        return z3.Const(f"nobody of {index.name}", self.sort(index))

    def value(self, sort: Sort, value: int) -> z3.ExprRef:
        """Return a constant."""
        if isinstance(sort, Bool):
            return z3.BoolVal(bool(value))
        if isinstance(sort, Enum):
            return _constants(sort)[value]
        return z3.IntVal(value)

    def belongs(self, term: z3.ExprRef, sort: Sort) -> z3.BoolRef:
        """Return that the term's value is one of the sort's."""
        if isinstance(sort, Int):
            return z3.And(term >= 0, term <= sort.high)
        if isinstance(sort, Bool | Enum):
            return z3.BoolVal(True)
        assert isinstance(sort, Index | Maybe | Position)
        index = sort if isinstance(sort, Index) else sort.index
        end = self.size(index)
        if self.is_number(sort):
            return z3.And(term >= 0, term < end if isinstance(sort, Index) else term <= end)
        return term != end if isinstance(sort, Index) and index.name in self._nobody else z3.BoolVal(True)

    def is_element(self, term: z3.ExprRef, index: Index) -> z3.BoolRef:
        """Return that the term is an element, known, and one of those that an obligation is about.

        "Known" and "of it" are uninterpreted predicates. Quantifiers range over known elements only, and that
        is what triggers their instances; what is known *through* an element (where its range begins, say) is
        known of those only that the obligation is about. Not of who exists by some claim: who holds a chunk
        has chunks, held by others, who have chunks, and so on. As both may well be true of every element,
        nothing is lost in a proof.
        """
        return z3.And(self.is_known(term, index), self._of_it(index, term))

    def is_known(self, term: z3.ExprRef, index: Index) -> z3.BoolRef:
        """Return that the term is an element, and known."""
        return z3.And(self._known(index, term), self.belongs(term, index))

    def _known(self, index: Index, term: z3.ExprRef) -> z3.BoolRef:
        return z3.Function(f"known {index.name}", self.sort(index), z3.BoolSort())(term)

    def _of_it(self, index: Index, term: z3.ExprRef) -> z3.BoolRef:
        return z3.Function(f"of it {index.name}", self.sort(index), z3.BoolSort())(term)

    def all_of_it(self) -> z3.BoolRef:
        """Return that an obligation is about every element known, whoever it exists by."""
        found = []
        for index in self.indices.values():
            element = self.element(index, index.name.lower())
            found.append(self.forall([(element, index)], self._of_it(index, element)))
        return z3.And(found)

    def element(self, index: Sort, name: str) -> z3.ExprRef:
        """Return a fresh constant of the sort; `is_element` says that it is an element."""
        return z3.Const(f"{name}!{next(self._fresh)}", self.sort(index))

    # -- states

    def now(self, name: str, indices: tuple[z3.ExprRef, ...]) -> z3.ExprRef:
        """The state before the step."""
        return self.functions[name](*indices)

    def after(self, action: Action, bound: Bindings) -> Step:
        """Return what turns a formula about the state before the action into one about the state after it.

        What the action assigns is put, as if-then-else over the state before it, where the formula reads.
        """
        values: dict[str, z3.ExprRef] = {}
        for update in action.updates:
            variable = self.system.variables[update.variable]
            indices = [z3.Var(i, self.sort(index)) for i, index in enumerate(variable.indices)]
            chosen = [any(place is b for b in update.bound) for place in update.indices]
            inner = dict(bound)
            for place, index, any_ in zip(update.indices, indices, chosen, strict=True):
                if any_ and isinstance(place, Local):
                    inner[place.number] = index
            same = [
                self.translate(place, inner, self.now) == index
                for place, index, any_ in zip(update.indices, indices, chosen, strict=True)
                if not any_
            ]
            new = self.translate(update.value, inner, self.now)
            old = values.get(update.variable, self.now(update.variable, tuple(indices)))
            values[update.variable] = z3.If(z3.And(same), new, old) if same else new
        pairs = [(self.functions[name], value) for name, value in values.items()]
        return lambda formula: z3.substitute_funs(formula, *pairs)

    def initial(self, name: str, indices: tuple[z3.ExprRef, ...]) -> z3.ExprRef:
        """The initial state."""
        variable = self.system.variables[name]
        bound = {b.number: i for b, i in zip(variable.bound, indices, strict=True)}
        return self.translate(variable.initial, bound, self.now)

    def ranges(self, look: Look, names: Iterable[str]) -> Iterator[tuple[str, z3.BoolRef]]:
        """Yield, for each of the variables or parameters that needs it, that its values are of its sort."""
        for name in names:
            declared = self._declared(name)
            elements = self._elements(declared.indices)
            value = look(name, tuple(e for e, _ in elements))
            fits = self.belongs(value, declared.sort)
            if fits.num_args():
                yield name, self.forall(elements, fits, self._term(declared, value))

    def landings(self) -> z3.BoolRef:
        """Return that positions and elements in the state are known, where they are not the end.

        So are those whom a table of the instance names for each element. (Not those of a table from a sort to
        itself, which would be asked again for what it has answered, and so on.)
        """
        found = []
        for name in self.functions:
            declared = self._declared(name)
            names_one = isinstance(declared, Parameter) and len(declared.indices) == 1
            is_one = isinstance(declared.sort, Position | Index) and not (
                isinstance(declared, Parameter) and index_within(declared.sort) in declared.indices
            )
            if is_one or (isinstance(declared.sort, Maybe) and names_one):
                elements = self._elements(declared.indices)
                value = self.now(name, tuple(e for e, _ in elements))
                whose = [self._of_it(index, e) for e, index in elements if not index.ordered]
                landing = z3.Implies(z3.And(whose), self.landing(value, declared.sort))
                found.append(self.forall(elements, landing, self._term(declared, value)))
            elif isinstance(declared.sort, Maybe) and declared.indices == (declared.sort.index,):
                (of,) = elements = self._elements(declared.indices)
                value = self.now(name, (of[0],))
                known = z3.Implies(self.belongs(value, of[1]), self._known(of[1], value))
                found.append(self.forall(elements, z3.Implies(self._of_it(of[1], of[0]), known)))
        return z3.And(found)

    def _term(self, declared: Variable | Parameter, value: z3.ExprRef) -> z3.ExprRef | None:
        """Return the value as what triggers facts about it, if it is of a table of pairs of one sort.

        All pairs of known elements are many, and few of them are ever asked for.
        """
        pairs = len(set(declared.indices)) < len(declared.indices)
        return value if isinstance(declared, Parameter) and pairs else None

    def landing(self, value: z3.ExprRef, sort: Sort) -> z3.BoolRef:
        """Return that the value is known, and the obligation about it, if it is an element."""
        index = sort.index if isinstance(sort, Position | Maybe) else sort
        assert isinstance(index, Index)
        return z3.Implies(self.belongs(value, index), self.is_element(value, index))

    def _declared(self, name: str) -> Variable | Parameter:
        return self.system.variables.get(name) or self.system.parameters[name]

    def _elements(self, indices: Iterable[Index]) -> list[tuple[z3.ExprRef, Index]]:
        return [(self.element(index, index.name.lower()), index) for index in indices]

    # -- formulas

    def forall(
        self,
        elements: Sequence[tuple[z3.ExprRef, Index]],
        body: z3.BoolRef,
        trigger: z3.ExprRef | None = None,
    ) -> z3.BoolRef:
        """Return the body for all values of the given constants, wherever they are known or `trigger` is."""
        if not elements:
            return body
        constants = [e for e, _ in elements]
        if self.sizes is not None:
            choices = itertools.product(*(range(self.sizes[index.name]) for _, index in elements))
            return z3.And(
                [
                    z3.substitute(body, *zip(constants, map(z3.IntVal, values), strict=True))
                    for values in choices
                ]
            )
        triggers = [self._known(index, e) for e, index in elements]
        inside = z3.And([self.is_known(e, index) for e, index in elements])
        pattern = z3.MultiPattern(*triggers) if len(triggers) > 1 else triggers[0]
        if trigger is not None:
            pattern = trigger
        return z3.ForAll(constants, z3.Implies(inside, body), patterns=[pattern])

    def translate(self, expr: Expr, bound: Bindings, look: Look) -> z3.ExprRef:
        """Translate an expression, its locals bound, its reads by `look`. Raises `TypeError` on `count`."""
        match expr:
            case Const():
                return self.value(expr.sort, expr.value)
            case Size():
                return self.size(expr.index)
            case Local():
                return bound[expr.number]
            case Param():
                return self.functions[expr.name](*(self.translate(i, bound, look) for i in expr.indices))
            case Read():
                return look(expr.name, tuple(self.translate(i, bound, look) for i in expr.indices))
            case Not():
                return z3.Not(self.translate(expr.operand, bound, look))
            case And():
                return joined(z3.Z3_mk_and, [self.translate(e, bound, look) for e in (expr.left, expr.right)])
            case Or():
                return joined(z3.Z3_mk_or, [self.translate(e, bound, look) for e in (expr.left, expr.right)])
            case Eq():
                return _equal(self.translate(expr.left, bound, look), self.translate(expr.right, bound, look))
            case Less():
                return self.translate(expr.left, bound, look) < self.translate(expr.right, bound, look)
            case Add():
                return self.translate(expr.left, bound, look) + self.translate(expr.right, bound, look)
            case IfThenElse():
                return z3.If(
                    self.translate(expr.condition, bound, look),
                    self.translate(expr.then, bound, look),
                    self.translate(expr.other, bound, look),
                )
            case Quantified(kind="forall" | "exists"):
                elements, inner = [], dict(bound)
                body: Expr = expr
                while isinstance(body, Quantified) and body.kind == expr.kind:
                    index = index_of(body.bound)
                    element = inner[body.bound.number] = self.element(index, body.bound.name)
                    elements.append((element, index))
                    body = body.body
                matrix = self.translate(body, inner, look)
                if expr.kind == "forall":
                    return self.forall(elements, matrix)
                return z3.Not(self.forall(elements, z3.Not(matrix)))
        raise TypeError(f"not an expression that z3 is given: {expr!r}")


def index_within(sort: Sort) -> Index | None:
    """Return the index sort that the sort's values are of, if there is one."""
    return sort if isinstance(sort, Index) else sort.index if isinstance(sort, Maybe | Position) else None


_DECLARED: set[tuple[str, int]] = set()
"""The names that z3 knows, each with a number."""


@cache
def _constants(sort: Enum) -> Sequence[z3.ExprRef]:
    """Return the values of an enum sort, which z3 wants declared once, and by a name that no other has.

    Two systems may give one name to different sorts: their places, say.
    """
    number = next(n for n in itertools.count(1) if (sort.name, n) not in _DECLARED)
    _DECLARED.add((sort.name, number))
    name = sort.name if number == 1 else f"{sort.name}!{number}"
    return z3.EnumSort(name, [f"{name}.{value}" for value in sort.values])[1]


def _equal(left: z3.ExprRef, right: z3.ExprRef) -> z3.BoolRef:
    """Do what `==` does, likewise."""
    return z3.BoolRef(z3.Z3_mk_eq(left.ctx_ref(), left.as_ast(), right.as_ast()), left.ctx)
