"""The architecture, read from the source: which room may import which, and what everything must say."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import networkx as nx
import pytest

from model.designs import DESIGNS

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("model", "impl", "conformance")
LONGEST_FILE = 450

# What a room of model/ may import besides itself; a new room must be put into this table.
ROOMS = {
    "language": set[str](),
    "verdict": set[str](),
    "scenarios": {"verdict"},
    "explore": {"language"},
    "symbolic": {"language"},
    "reduce": {"language", "explore", "symbolic"},
    "export": {"language", "explore"},
    "graph": {"language", "explore"},
    "trace": {"language"},
    "prove": {"language", "symbolic", "trace"},
    "stack": {"language", "scenarios"},
    "designs": {"stack", "language", "scenarios"},
}
# What stands above the rooms: each may import all rooms and, of its own kind, those named.
ABOVE = {
    "check": set[str](),
    "guards": {"check"},
    "campaign": {"check"},
    "report": {"check", "campaign"},
    "minimal": {"check"},
    "overview": {"check", "proving", "report"},
    "pages": set[str](),
    "proving": {"check", "output"},
    "terminal": {"output"},
    "planning": {"check", "campaign", "terminal"},
    "cli": {"check", "guards", "campaign", "formats", "minimal", "output", "planning", "report", "terminal"},
    "report_cli": {"output", "overview", "planning", "terminal"},
    "finding": {"proving"},
    "prove_text": {"proving", "finding", "terminal"},
    "prove_cli": {"proving", "finding", "prove_text", "output", "terminal"},
    "step_cli": {"output", "terminal"},
    "output": set[str](),
    "formats": {"pages"},
    "graphs": {"check"},
    "graph_cli": {"graphs", "output", "terminal"},
}
# The rooms and files of the other two packages, from the bottom up: each may import what stands before it.
LAYERS = {
    "impl": (
        "__init__",
        "extent",
        "errors",
        "sync",
        "context",
        "bitmap",
        "reqlist",
        "waits",
        "tracked",
        "disk",
        "protocol",
        "secondary",
        "overlay",
        "backup",
        "block_copy",
        "copy_before_write",
        "design",
        "designs",
        "stack",
        "plugin",
    ),
    "conformance": (
        "__init__",
        "log",
        "recorder",
        "scheduler",
        "strategies",
        "workload",
        "monitor",
        "epilogue",
        "reducer",
        "finding",
        "columns",
        "tours",
        "mutants",
        "stress",
        "log_file",
        "conform",
        "validate_cli",
        "conform_cli",
        "replay",
        "cli",
    ),
}
# What a package may import of the others.
ARROWS = {
    "model": set[str](),
    "impl": set[str](),
    "conformance": {"model", "impl"},
    "cowpath": {"model", "impl", "conformance"},
}


def source_files() -> list[Path]:
    inside = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [ROOT / "cowpath.py", *inside]


FILES = source_files()


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}
each_module = pytest.mark.parametrize("module", list(MODULES))


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text())


def imports(module: str) -> Iterator[str]:
    """Yield the project's modules that the module imports, wherever in its text that happens."""
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            # `from package import module` imports the module; `from module import name` does not.
            submodules = [f"{origin}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else origin for name in submodules]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] in ARROWS)


def room(module: str) -> str:
    """The room of model/, or the file directly in it, that the module belongs to."""
    return module.split(".")[1] if "." in module else "__init__"


def in_model() -> list[str]:
    return [module for module in MODULES if module.startswith("model.")]


# -- arrows


def test_the_parser_of_imports_sees_them() -> None:
    assert set(imports("cowpath")) >= {"model.cli"}
    assert set(imports("model.campaign")) >= {"model.check", "model.designs", "model.explore.result"}
    assert "model.designs.rfc_2016" in set(imports("model.designs"))
    assert "model.stack.backup" in set(imports("model.designs.rfc_2016"))


@each_module
def test_every_import_is_of_a_module_that_is_there(module: str) -> None:
    assert set(imports(module)) <= MODULES.keys()


@each_module
def test_packages_import_each_other_along_the_arrows_only(module: str) -> None:
    package = module.partition(".")[0]
    imported = {name.partition(".")[0] for name in imports(module)}
    assert imported - {package} <= ARROWS[package]


def test_every_room_of_the_model_is_in_the_tables() -> None:
    assert {room(module) for module in in_model()} <= ROOMS.keys() | ABOVE.keys()


@pytest.mark.parametrize("module", in_model())
def test_rooms_of_the_model_import_downward_only(module: str) -> None:
    here = room(module)
    allowed = ROOMS[here] if here in ROOMS else ROOMS.keys() | ABOVE[here]
    assert {room(name) for name in imports(module)} - {here} <= allowed


@pytest.mark.parametrize("commands", ["model.cli", "conformance.cli"])
def test_only_the_command_line_imports_the_commands(commands: str) -> None:
    assert {module for module in MODULES if commands in imports(module)} == {"cowpath"}


@pytest.mark.parametrize("module", [m for m in MODULES if m.partition(".")[0] in LAYERS])
def test_the_other_packages_import_downward_only(module: str) -> None:
    package = module.partition(".")[0]
    layers = LAYERS[package]
    own = {room(name) for name in imports(module) if name.partition(".")[0] == package}
    assert {layers.index(name) for name in own} <= set(range(layers.index(room(module)) + 1))


def test_the_stack_needs_nothing_but_python() -> None:
    """It is loaded into nbdkit's Python, which has none of our dependencies."""
    for module in MODULES:
        if module.startswith("impl"):
            names = {a.name for n in ast.walk(tree(module)) if isinstance(n, ast.Import) for a in n.names}
            names |= {str(n.module) for n in ast.walk(tree(module)) if isinstance(n, ast.ImportFrom)}
            roots = {name.partition(".")[0] for name in names}
            assert roots <= {*sys.stdlib_module_names, "impl", "nbdkit"}, module


def test_no_module_imports_itself_in_a_circle() -> None:
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from((module, name) for module in MODULES for name in imports(module))
    assert {module for module in in_model() if list(imports(module))} <= set(graph)
    assert nx.is_directed_acyclic_graph(graph), nx.find_cycle(graph)


def test_the_rooms_import_each_other_in_no_circle() -> None:
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from((room(module), room(name)) for module in in_model() for name in imports(module))
    graph.remove_edges_from(list(nx.selfloop_edges(graph)))
    assert nx.is_directed_acyclic_graph(graph), nx.find_cycle(graph)


# -- what every file and rule must say


@each_module
def test_every_module_says_what_it_is(module: str) -> None:
    assert ast.get_docstring(tree(module)) or not tree(module).body, "no docstring"


def undocumented(node: ast.AST, path: str) -> Iterator[str]:
    """Yield the public functions, classes and methods without a docstring; what is local is private."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{path}{child.name}"
            if child.name.startswith("_"):
                continue
            if not ast.get_docstring(child):
                yield name
            if isinstance(child, ast.ClassDef):
                yield from undocumented(child, f"{name}.")
        elif not isinstance(child, ast.expr):
            yield from undocumented(child, path)  # inside an `if` or a `try`


def test_the_search_for_missing_docstrings_finds_them() -> None:
    text = """
def bare(): pass
def _private(): pass
class Documented:
    '''Words.'''
    def method(self): pass
    def __len__(self): pass
if True:
    class Hidden: pass
def outer():
    '''Words.'''
    def local(): pass
"""
    assert list(undocumented(ast.parse(text), "")) == ["bare", "Documented.method", "Hidden"]


@each_module
def test_everything_public_says_what_it_is(module: str) -> None:
    assert list(undocumented(tree(module), "")) == []


@each_module
def test_a_file_can_be_read_in_a_sitting(module: str) -> None:
    assert len(MODULES[module].read_text().splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("design", list(DESIGNS))
def test_every_action_says_what_it_does_and_where_that_is_from(design: str) -> None:
    actions = DESIGNS[design].system.actions
    assert actions
    assert [a.label for a in actions if not a.says.strip()] == []
    assert [a.label for a in actions if not a.source.strip()] == []


@pytest.mark.parametrize("design", list(DESIGNS))
def test_every_design_has_its_history(design: str) -> None:
    told = DESIGNS[design]
    assert told.era.strip()
    assert told.explanation.strip()
    assert told.sources
    assert all(source.strip() for source in told.sources)
    assert told.name == told.system.name == design
