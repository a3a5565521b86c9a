"""Points: where a task may be interrupted, put into the syntax tree of somebody's module.

Before each statement of a function stands a call that tells the scheduler. A statement that reads what it
writes (`self.n += 1`, `self.n = self.n + 1`, also of a global) is two steps, with a point between. What is
watched is bracketed too: a call as a whole, a statement when it begins or when it is complete.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Collection
from dataclasses import dataclass

POINT, BEGUN, MADE, RETURNED = (f"__cowpath_{name}__" for name in ("point", "begun", "made", "returned"))
CALLED, RAISED = "__cowpath_called__", "__cowpath_raised__"
_OBJECT, _INDEX, _VALUE = (f"__cowpath_{name}_of__" for name in ("object", "index", "value"))
_NO_STEP = (
    ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Global | ast.Nonlocal | ast.Pass | ast.While
)
_SIMPLE = ast.Expr | ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete | ast.Assert | ast.Return


@dataclass(frozen=True)
class Point:
    """A statement: the function that it is in, by its qualified name without `<locals>`, and its text."""

    file: str
    line: int
    function: str
    text: str
    simple: bool

    @property
    def name(self) -> str:
        """What it is called where somebody names a statement."""
        return f"{self.function}: {self.text}"


@dataclass(frozen=True)
class Wanted:
    """What to put in: at statements or not; which functions' calls, and which statements, are watched.

    Calls are (file, function's name), where the file may be empty and mean any; statements are named by
    `Point.name`. Of a function's name the beginning may be left out.
    """

    statements: bool
    calls: frozenset[tuple[str, str]] = frozenset()
    begun: frozenset[str] = frozenset()
    made: frozenset[str] = frozenset()


def meant(name: str, wanted: Collection[str]) -> list[str]:
    """Return those of the wanted names that mean what has this name."""
    return [each for each in wanted if name == each or name.endswith(f".{each}")]


def insert(tree: ast.Module, source: str, file: str, wanted: Wanted, first: int) -> list[Point]:
    """Put the calls into the tree, with the numbers of the points from `first` on; return the points."""
    points: list[Point] = []

    def number(point: Point) -> int:
        points.append(point)
        return first + len(points) - 1

    _Inserter(source.splitlines(), file, wanted, number).visit(tree)
    ast.fix_missing_locations(tree)
    return points


class _Inserter(ast.NodeTransformer):
    def __init__(self, lines: list[str], file: str, wanted: Wanted, number: Callable[[Point], int]) -> None:
        self.lines, self.file, self.wanted, self.number = lines, file, wanted, number
        self.scope: list[str] = []
        self.inside: list[_Function] = []

    # -- functions and classes

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self.scope.append(node.name)
        outer, self.inside = self.inside, []
        node.body = self.block(node.body)
        self.inside = outer
        self.scope.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.function(node)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        self.function(node)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        return node

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        name = ".".join([*self.scope, node.name])
        here = {called for file, called in self.wanted.calls if file in ("", self.file)}
        watched = bool(meant(name, here))
        self.inside.append(_Function(name, watched, _shared(node)))
        self.scope.append(node.name)
        documented = ast.get_docstring(node, clean=False) is not None
        head, body = node.body[:documented], node.body[documented:]
        body = self.block(body)
        if watched:
            body = _bracketed(name, body, node)
        node.body = head + body or [ast.copy_location(ast.Pass(), node)]
        self.inside.pop()
        self.scope.pop()

    # -- statements

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        return [new for statement in body for new in self.statement(statement)]

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        if not self.inside:
            return [self.visit(node)]
        point = self.point(node)
        if isinstance(node, ast.While):
            self.visit(node)
            if self.wanted.statements:
                call = _call(POINT, node, ast.Constant(self.number(point)), ast.Constant(False))
                node.test = ast.copy_location(ast.BoolOp(ast.Or(), [call, node.test]), node.test)
            return [node]
        if isinstance(node, _NO_STEP):
            return [self.visit(node)]
        before: list[ast.stmt] = []
        after: list[ast.stmt] = []
        if self.wanted.statements:
            before.append(
                self.told(POINT, node, self.number(point), ast.Constant(isinstance(node, ast.With)))
            )
        if meant(point.name, self.wanted.begun):
            before.append(self.told(BEGUN, node, self.number(point)))
        made = meant(point.name, self.wanted.made)
        if made and isinstance(node, ast.Return):
            value = node.value or ast.Constant(None)
            node.value = _call(MADE, node, ast.Constant(self.number(point)), value)
        elif made:
            after.append(self.told(MADE, node, self.number(point)))
        if isinstance(node, ast.Return) and self.inside[-1].watched:
            value = node.value or ast.Constant(None)
            node.value = _call(RETURNED, node, ast.Constant(self.inside[-1].name), value)
        return [*before, *self.split(self.visit(node), point), *after]

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for field in ("body", "orelse", "finalbody"):
            value = getattr(node, field, None)
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                setattr(node, field, self.block(value))
        for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            part.body = self.block(part.body)
        return node

    # -- a statement that reads what it writes

    def split(self, node: ast.stmt, point: Point) -> list[ast.stmt]:
        """Return the statement in two where it reads what it writes, and others may write."""
        if not self.wanted.statements:
            return [node]
        if isinstance(node, ast.AugAssign) and self.shared(node.target):
            return self.augmented(node, point)
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and self.shared(node.targets[0]):
            target = ast.unparse(node.targets[0])
            reads = [ast.unparse(each) for each in ast.walk(node.value) if isinstance(each, ast.expr)]
            if target in reads:
                value = ast.copy_location(ast.Name(_VALUE, ast.Load()), node)
                first = ast.copy_location(ast.Assign([_store(_VALUE)], node.value), node)
                second = ast.copy_location(ast.Assign(node.targets, value), node)
                return [first, self.between(node, point), second]
        return [node]

    def augmented(self, node: ast.AugAssign, point: Point) -> list[ast.stmt]:
        """Return `target op= value` as: what is the target, read it; point; compute, write it."""
        out: list[ast.stmt] = []

        def keep(name: str, value: ast.expr) -> ast.expr:
            out.append(ast.copy_location(ast.Assign([_store(name)], value), node))
            return ast.Name(name, ast.Load())

        target: ast.expr
        match node.target:
            case ast.Attribute(value, attribute):
                target = ast.Attribute(keep(_OBJECT, value), attribute, ast.Store())
            case ast.Subscript(value, index):
                target = ast.Subscript(keep(_OBJECT, value), keep(_INDEX, index), ast.Store())
            case other:
                target = other
        read = copy.copy(target)
        read.ctx = ast.Load()
        keep(_VALUE, read)
        out.append(self.between(node, point))
        out.append(ast.copy_location(ast.AugAssign(_store(_VALUE), node.op, node.value), node))
        out.append(ast.copy_location(ast.Assign([target], ast.Name(_VALUE, ast.Load())), node))
        return out

    def shared(self, target: ast.expr) -> bool:
        if isinstance(target, ast.Name):
            return target.id in self.inside[-1].shared
        return isinstance(target, ast.Attribute | ast.Subscript)

    def between(self, node: ast.stmt, point: Point) -> ast.stmt:
        return self.told(POINT, node, self.number(point), ast.Constant(False))

    # -- details

    def point(self, node: ast.stmt) -> Point:
        return Point(self.file, node.lineno, self.inside[-1].name, self.text(node), isinstance(node, _SIMPLE))

    def text(self, node: ast.stmt) -> str:
        """Return the statement as it is written, of a compound one the head, on one line."""
        match node:
            case ast.If(test) | ast.While(test):
                return f"{type(node).__name__.lower()} {self.source(test)}:"
            case ast.For(target, iterable) | ast.AsyncFor(target, iterable):
                return f"for {self.source(target)} in {self.source(iterable)}:"
            case ast.With(items) | ast.AsyncWith(items):
                return f"with {', '.join(ast.unparse(item) for item in items)}:"
            case ast.Match(subject):
                return f"match {self.source(subject)}:"
            case ast.Try() | ast.TryStar():
                return "try:"
        return self.source(node)

    def source(self, node: ast.stmt | ast.expr) -> str:
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        lines = [line.encode() for line in self.lines[first : last + 1]]
        lines[-1] = lines[-1][: node.end_col_offset]
        lines[0] = lines[0][node.col_offset :]
        return " ".join(b" ".join(lines).decode().split())

    def told(self, what: str, node: ast.stmt, number: int, *more: ast.expr) -> ast.stmt:
        return ast.copy_location(ast.Expr(_call(what, node, ast.Constant(number), *more)), node)


@dataclass(frozen=True)
class _Function:
    """A function that is being gone through; `shared` are the names in it that are others', too."""

    name: str
    watched: bool
    shared: frozenset[str]


def _shared(function: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    """Return what the function declares global or nonlocal, those inside of it apart."""
    found: set[str] = set()
    rest: list[ast.AST] = list(function.body)
    while rest:
        node = rest.pop()
        if isinstance(node, ast.Global | ast.Nonlocal):
            found.update(node.names)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            rest.extend(ast.iter_child_nodes(node))
    return frozenset(found)


def _bracketed(name: str, body: list[ast.stmt], node: ast.stmt) -> list[ast.stmt]:
    """Return a function's body that tells of its beginning and of both ways to end; returns tell already."""

    def told(what: str) -> ast.stmt:
        return ast.copy_location(ast.Expr(_call(what, node, ast.Constant(name))), node)

    failed = ast.ExceptHandler(
        ast.Name("BaseException", ast.Load()), None, [told(RAISED), ast.copy_location(ast.Raise(), node)]
    )
    end = ast.Expr(_call(RETURNED, node, ast.Constant(name), ast.Constant(None)))
    guarded = ast.Try([*body, ast.copy_location(end, node)], [ast.copy_location(failed, node)], [], [])
    return [told(CALLED), ast.copy_location(guarded, node)]


def _call(what: str, node: ast.AST, *arguments: ast.expr) -> ast.Call:
    return ast.copy_location(ast.Call(ast.Name(what, ast.Load()), list(arguments), []), node)


def _store(name: str) -> ast.Name:
    return ast.Name(name, ast.Store())
