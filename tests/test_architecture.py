"""Rules of the code's structure that the layer contracts do not state."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = "intertrain_jax"
MOST_LINES, MOST_LINES_OF_A_COMMAND, MOST_PARAMETERS = 400, 150, 8
# Kernels, whose parameters are tensors (a Pallas kernel gets one reference for each).
KERNELS = {
    "models/attention.py:_forward_kernel",
    "models/attention.py:_query_kernel",
}

# Modules without a test of their own. This list only shrinks: an entry that has one must go.
UNTESTED = {
    "__main__.py",
}


def modules(repository: Path) -> dict[str, Path]:
    """Returns every module of the package by its dotted name."""
    return {
        ".".join(path.relative_to(repository).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted((repository / PACKAGE).rglob("*.py"))
    }


def imported(statements: Iterable[ast.AST]) -> Iterator[str]:
    """Yields what a program that runs may import, at its start or later, but not what checkers read."""
    for statement in statements:
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            yield from imported(statement.orelse)
        elif isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            yield str(statement.module)
            yield from (f"{statement.module}.{alias.name}" for alias in statement.names)
        else:
            yield from imported(ast.iter_child_nodes(statement))


def cycle_of(graph: dict[str, set[str]]) -> list[str]:
    """Returns the modules of one import cycle, or nothing."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_imports_itself_by_way_of_others(repository: Path) -> None:
    known = modules(repository)
    graph = {
        name: {
            found
            for found in imported(ast.parse(path.read_text("utf-8")).body)
            # A module always imports the packages that it is in.
            if found in known and found != name and not name.startswith(f"{found}.")
        }
        for name, path in known.items()
    }
    assert graph[f"{PACKAGE}.workflows.grid"], "imports are found"
    assert cycle_of(graph) == []
    a_cycle = {**graph, f"{PACKAGE}.base": {f"{PACKAGE}.cli"}}
    assert f"{PACKAGE}.base" in cycle_of(a_cycle)


def test_no_module_is_too_long_and_no_command_thick(repository: Path) -> None:
    for path in modules(repository).values():
        lines = len(path.read_text("utf-8").splitlines())
        most = MOST_LINES_OF_A_COMMAND if path.parent.name == "cli" else MOST_LINES
        assert lines <= most, f"{path}: {lines} lines"


def test_no_function_asks_for_too_much(repository: Path) -> None:
    found = set()
    for path in modules(repository).values():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            names = [
                a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            ]
            if len([name for name in names if name not in ("self", "cls")]) > MOST_PARAMETERS:
                where = path.relative_to(repository / PACKAGE).as_posix()
                found.add(f"{where}:{node.name}")
    assert found == KERNELS


def test_every_module_has_a_test_of_its_own(repository: Path) -> None:
    """`tests/x/test_y.py` for `intertrain_jax/x/y.py`; packages' own files are tested by others."""
    package = repository / PACKAGE
    paths = [path.relative_to(package) for path in modules(repository).values()]
    lacking = {
        path.as_posix()
        for path in paths
        if path.name != "__init__.py"
        and not (repository / "tests" / path.parent / f"test_{path.name}").is_file()
    }
    assert lacking - UNTESTED == set(), "write tests/x/test_y.py for each of these"
    assert UNTESTED - lacking == set(), "these have one, or are gone: take them off the list"
