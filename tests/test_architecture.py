"""The architecture, read from the source: which room may import which, and what everything must say."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import networkx as nx
import pytest

from cowpath.command_line import COMMANDS, Commands
from cowpath.model.designs import DESIGNS

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("model", "impl", "conformance")
LONGEST_FILE = 450

PAGES = ("ARCHITECTURE.md", "CONTRIBUTING.md")


def table(called: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the rows of a table of rooms in ARCHITECTURE.md: the names of a row, and its last column."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rows = text.partition(f"<!-- rooms: {called} -->\n")[2].partition("\n\n")[0].splitlines()
    assert len(rows) > 2, f"ARCHITECTURE.md has no table of rooms: {called}"
    for row in rows[2:]:
        first, *_, last = (cell.strip() for cell in row.strip("|").split("|"))
        yield tuple(re.findall(r"`(\w+)`", first)), last


def may_import(called: str) -> dict[str, set[str]]:
    """Return for each room of a table which others it may import."""
    rooms = {name: set(re.findall(r"`(\w+)`", last)) for names, last in table(called) for name in names}
    order = list(rooms)
    for names, last in table(called):
        for name in names:
            if last == "all":
                rooms[name] = {*rooms}
            elif last == "all before":
                rooms[name] = {*order[: order.index(name)]}
    return rooms


# The rooms, as ARCHITECTURE.md has them; a new room must be put into its table.
ROOMS = may_import("model")
LAYERS = {name: may_import(name) for name in ("impl", "conformance")}
ARROWS = may_import("packages")


def source_files() -> list[Path]:
    inside = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [*sorted((ROOT / "cowpath").glob("*.py")), *inside]


FILES = source_files()


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "cowpath" else ("cowpath", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text())


@cache
def imports(module: str) -> tuple[str, ...]:
    """Return the project's modules that the module imports, wherever in its text that happens."""
    return tuple(imported(module))


def imported(module: str) -> Iterator[str]:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            # `from package import module` imports the module; `from module import name` does not.
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else str(node.module) for name in submodules]
        else:
            continue
        assert not {name.partition(".")[0] for name in names} & {*PACKAGES}, "what is installed is `cowpath`"
        yield from (name for name in names if name.partition(".")[0] == "cowpath")


def package(module: str) -> str:
    """One of the three packages, or `cowpath` for the face."""
    return next((part for part in module.split(".")[1:2] if part in PACKAGES), "cowpath")


def room(module: str) -> str:
    """The room of a package, or the file directly in it, that the module belongs to."""
    return (*module.split("."), "__init__")[2]


def in_model() -> list[str]:
    return [module for module in MODULES if module.startswith("cowpath.model.")]


# -- arrows


def test_the_parser_of_imports_sees_them() -> None:
    assert set(imports("cowpath.__main__")) == {"cowpath.command_line"}
    seen = set(imports("cowpath.model.bench.batch"))
    assert seen >= {"cowpath.model.bench.check", "cowpath.model.designs", "cowpath.model.explore.result"}
    assert "cowpath.model.designs.case" in set(imports("cowpath.model.designs"))
    assert "cowpath.model.stack.admission" in set(imports("cowpath.model.designs.rfc_2016"))


def test_every_import_is_of_a_module_that_is_there() -> None:
    assert [module for module in MODULES if not set(imports(module)) <= MODULES.keys()] == []


def test_packages_import_each_other_along_the_arrows_only() -> None:
    for module in MODULES:
        here = package(module)
        assert {package(name) for name in imports(module)} - {here} <= ARROWS[here], module


def test_every_room_of_the_model_is_in_the_table() -> None:
    assert {room(module) for module in in_model()} == {*ROOMS}


@pytest.mark.parametrize("called", list(LAYERS))
def test_every_room_of_the_other_packages_is_in_its_table(called: str) -> None:
    assert {room(module) for module in MODULES if package(module) == called} == {*LAYERS[called]}


def test_the_tables_say_what_was_meant_when_this_was_written() -> None:
    """A table that is misread must not let everything pass."""
    assert ROOMS["trace"] == {"language", "finite"}
    assert ROOMS["language"] == ARROWS["impl"] == LAYERS["impl"]["__init__"] == set()
    assert ROOMS["bench"] == {*ROOMS}
    assert ARROWS["conformance"] == {"model", "impl"}
    assert LAYERS["conformance"]["strategies"] == {"pairs", "scheduler"}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_for_developers_names_is_there(page: str) -> None:
    named = set(re.findall(r"[`(]((?:[\w.-]+/)*[\w.-]+(?:\.\w+|/))[`)]", (ROOT / page).read_text()))
    paths = {name for name in named if "/" in name or name.endswith((".md", ".py", ".toml"))}
    assert len(paths) > 20
    assert {name for name in paths if not (ROOT / name).exists()} == set()


def test_rooms_of_the_model_import_downward_only() -> None:
    for module in in_model():
        here = room(module)
        assert {room(name) for name in imports(module)} - {here} <= ROOMS[here], module


def test_only_commands_import_the_commands() -> None:
    others = [module for module in MODULES if ".commands" not in module]
    assert [module for module in others if any(".commands." in name for name in imports(module))] == []


def test_the_other_packages_import_downward_only() -> None:
    for module in (m for m in MODULES if package(m) in LAYERS):
        here = room(module)
        own = {room(name) for name in imports(module) if package(name) == package(module)}
        assert own - {here} <= LAYERS[package(module)][here], module


def test_the_stack_needs_nothing_but_python() -> None:
    """It is loaded into nbdkit's Python, which has none of our dependencies."""
    for module in MODULES:
        if package(module) == "impl":
            names = {a.name for n in ast.walk(tree(module)) if isinstance(n, ast.Import) for a in n.names}
            names |= {str(n.module) for n in ast.walk(tree(module)) if isinstance(n, ast.ImportFrom)}
            outside = {name for name in names if not name.startswith("cowpath.impl")}
            roots = {name.partition(".")[0] for name in outside}
            assert roots <= {*sys.stdlib_module_names, "nbdkit"}, module


def test_the_face_loads_nothing_until_it_is_asked() -> None:
    """So nbdkit's Python can load `cowpath.impl` through it."""
    code = "import sys, cowpath.impl.stack; print([m for m in sys.modules if m.startswith('cowpath.model')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_name_of_the_face_is_there() -> None:
    import cowpath

    assert all(getattr(cowpath, name) is not None for name in cowpath.__all__)


def test_no_module_imports_itself_in_a_circle() -> None:
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from((module, name) for module in MODULES for name in imports(module))
    assert {module for module in in_model() if list(imports(module))} <= set(graph)
    assert nx.is_directed_acyclic_graph(graph), nx.find_cycle(graph)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_of_the_table_is_there(name: str) -> None:
    command = Commands().get_command(click.Context(click.Command("cowpath")), name)
    assert (command.name, command.short_help) == (name, COMMANDS[name][1])


# -- what every file and rule must say


def test_every_module_says_what_it_is() -> None:
    assert [m for m in MODULES if tree(m).body and not ast.get_docstring(tree(m))] == [], "no docstring"


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


def test_everything_public_says_what_it_is() -> None:
    found = {module: list(undocumented(tree(module), "")) for module in MODULES}
    assert {module: names for module, names in found.items() if names} == {}


def test_a_file_can_be_read_in_a_sitting() -> None:
    lengths = {module: len(path.read_text().splitlines()) for module, path in MODULES.items()}
    assert {module: lines for module, lines in lengths.items() if lines > LONGEST_FILE} == {}


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
