"""First-order mutants of somebody's functions: one change each, made in the syntax tree.

What is left out stays where it was, under `if False:`. So the function keeps its variables, those of others
included, and its code can take the place of the original.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType

from cowpath.conformance.own.exchange import source_of

Change = Callable[[ast.AST], list[ast.stmt] | ast.expr]
"""Makes of a node what takes its place."""
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_WAKES = {"notify", "notify_all", "notifyAll", "set"}
_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


@dataclass(frozen=True)
class Mutant:
    """One change, to the statement at the line. `at`: the node's number, in the order of `ast.walk`."""

    module: ModuleType
    function: str
    line: int
    kind: str
    before: str
    after: str
    at: int
    change: Change

    def apply(self, tree: ast.Module, source: str, module: ModuleType) -> None:
        """Make the change, in the tree of its module; leave other modules' trees alone."""
        if module is self.module:
            node = _node(tree, self.at)
            _replace(tree, node, self.change(node))


def mutants(module: ModuleType, wanted: Callable[[str], bool]) -> Iterator[Mutant]:
    """Yield the mutants of the functions, with those inside them, whose qualified names are wanted."""
    tree = ast.parse(source_of(module))
    numbers = {id(node): number for number, node in enumerate(ast.walk(tree))}
    for node, function, line in _nodes(tree, "", wanted):
        for kind, change in _changes(node):
            made = change(copy.deepcopy(node))
            after = "; ".join(filter(None, map(_shown, made if isinstance(made, list) else [made])))
            yield Mutant(
                module, function, line, kind, _shown(node), after or "pass", numbers[id(node)], change
            )


def _nodes(
    node: ast.AST, scope: str, wanted: Callable[[str], bool], inside: bool = False, line: int = 0
) -> Iterator[tuple[ast.AST, str, int]]:
    """Yield what may change, with the function that it is in, and the line of its statement."""
    # Defaults and decorators are evaluated where the function is defined: to exchange its code is too late.
    for child in node.body if isinstance(node, _FUNCTIONS) else ast.iter_child_nodes(node):
        name, taken = scope, inside
        at = child.lineno if isinstance(child, ast.stmt) else line
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{scope}.{child.name}".lstrip(".")
            taken = not isinstance(child, ast.ClassDef) and (inside or wanted(name))
        elif inside and isinstance(child, ast.stmt | ast.expr) and not _is_text(child):
            yield child, name, at
        yield from _nodes(child, name, wanted, taken, at)


def _node(tree: ast.Module, at: int) -> ast.AST:
    return next(node for number, node in enumerate(ast.walk(tree)) if number == at)


def _replace(tree: ast.AST, old: ast.AST, new: list[ast.stmt] | ast.expr) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
                return
            if isinstance(value, list):
                for i, each in enumerate(value):
                    if each is old:
                        value[i : i + 1] = new if isinstance(new, list) else [new]
                        return


# -- the kinds


def _changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    match node:
        case ast.Expr(ast.Call(ast.Attribute(_, method))) if method in _WAKES:
            yield "wake-up removed", _left_out
        case ast.Expr(ast.Call(ast.Attribute(_, "wait" | "wait_for"))):
            yield "wait removed", _left_out
        case ast.Expr() | ast.Assign() | ast.AugAssign() | ast.AnnAssign() | ast.Delete() | ast.Raise():
            yield "statement removed", _left_out
        case ast.Return(None) | ast.Break():
            yield "statement removed", _left_out
        case ast.While(_, body) if any(map(_waits, body)):
            yield "if for while", _once
        case ast.With(items, body) if all(map(_is_lock, items)):
            if not any(map(_waits_or_wakes, body)):
                yield "lock removed", _without_lock
            if len(body) > 1:
                yield "critical section split", _split
        case ast.Try(_, _, _, finalbody) if finalbody:
            yield "finally on success only", _on_success
        case ast.Call(ast.Attribute(_, "notify_all")):
            yield "notify for notify_all", _notify
        case ast.Compare(_, [operator], _) if type(operator) in _COMPARED:
            yield "comparison", _compared
        case ast.BoolOp():
            yield "and for or", _other_operator
        case ast.UnaryOp(ast.Not()):
            yield "not removed", _without_not
        case ast.Constant(value) if type(value) is int:
            yield "off by one", _one_more
    if isinstance(node, ast.If) and not any(map(_waits, node.body)):
        yield "condition never true", _never


def _left_out(node: ast.AST) -> list[ast.stmt]:
    assert isinstance(node, ast.stmt)
    return [_unreached(node, [node])]


def _unreached(at: ast.stmt, body: list[ast.stmt]) -> ast.stmt:
    test = ast.copy_location(ast.Constant(False), at)
    return ast.copy_location(ast.If(test, body, []), at)


def _once(node: ast.AST) -> list[ast.stmt]:
    assert isinstance(node, ast.While)
    return [ast.copy_location(ast.If(node.test, node.body, node.orelse), node)]


def _never(node: ast.AST) -> list[ast.stmt]:
    assert isinstance(node, ast.If)
    never = ast.BoolOp(ast.And(), [ast.Constant(False), node.test])
    node.test = ast.fix_missing_locations(ast.copy_location(never, node.test))
    return [node]


def _without_lock(node: ast.AST) -> list[ast.stmt]:
    assert isinstance(node, ast.With)
    kept = ast.copy_location(ast.With(node.items, [ast.copy_location(ast.Pass(), node)]), node)
    return [_unreached(node, [kept]), *node.body]


def _split(node: ast.AST) -> list[ast.stmt]:
    assert isinstance(node, ast.With)
    first, rest = node.body[:1], node.body[1:]
    again = ast.copy_location(ast.With(copy.deepcopy(node.items), rest), node)
    node.body = first
    return [node, again]


def _on_success(node: ast.AST) -> list[ast.stmt]:
    assert isinstance(node, ast.Try)
    if not node.handlers:
        return [*node.body, *node.finalbody]
    return [ast.copy_location(ast.Try(node.body, node.handlers, node.orelse, []), node), *node.finalbody]


def _notify(node: ast.AST) -> ast.expr:
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Attribute)
    node.func.attr = "notify"
    return node


def _compared(node: ast.AST) -> ast.expr:
    assert isinstance(node, ast.Compare)
    node.ops = [_COMPARED[type(node.ops[0])]()]
    return node


def _other_operator(node: ast.AST) -> ast.expr:
    assert isinstance(node, ast.BoolOp)
    node.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
    return node


def _without_not(node: ast.AST) -> ast.expr:
    assert isinstance(node, ast.UnaryOp)
    return node.operand


def _one_more(node: ast.AST) -> ast.expr:
    assert isinstance(node, ast.Constant)
    assert isinstance(node.value, int)
    return ast.copy_location(ast.Constant(node.value + 1), node)


# -- details


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_lock(item: ast.withitem) -> bool:
    """Tell whether it is a name that the `with` enters: what is made there, such as a file, is no lock."""
    return item.optional_vars is None and isinstance(item.context_expr, ast.Name | ast.Attribute)


def _calls(node: ast.AST, *methods: str) -> bool:
    return any(isinstance(each, ast.Attribute) and each.attr in methods for each in ast.walk(node))


def _waits(node: ast.AST) -> bool:
    return _calls(node, "wait", "wait_for")


def _waits_or_wakes(node: ast.AST) -> bool:
    return _waits(node) or _calls(node, "notify", "notify_all", "notifyAll")


def _shown(node: ast.AST) -> str:
    """Return the first line of it; what is left out is nothing."""
    if isinstance(node, ast.If) and isinstance(node.test, ast.Constant) and node.test.value is False:
        return ""
    return ast.unparse(node).split("\n")[0]
