"""Imports point downwards only: cli, server, api, cluster, node, storage."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "emrlite"

#: From the top down.  A room imports itself and what stands below it.
ROOMS = ("cli", "server", "api", "cluster", "node", "storage")

#: Words that every room may use: pure data, which imports nothing but more of the same.
SHARED = {
    "emrlite", "emrlite.errors", "emrlite.settings", "emrlite.home",
    "emrlite.cluster.model", "emrlite.cluster.states", "emrlite.cluster.instance_types", "emrlite.node.layout",
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


NAMES = {name for name, _ in modules()}


def imports(name: str, path: Path) -> set[str]:
    """Every module of emrlite that *name* imports, wherever in the file it does so."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}: imports are absolute here"
            assert node.module is not None
            # `from emrlite.node import engines` imports a module, `from emrlite.errors import X` a name of one.
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {module if module in NAMES else node.module for module in inner}
    return {module for module in found if module.split(".")[0] == "emrlite"}


def room(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else None


def test_imports_point_downwards_only():
    wrong = [
        f"{name} imports {other}"
        for name, path in modules()
        for other in imports(name, path)
        if other not in SHARED and room(other) and room(name) and ROOMS.index(room(other)) < ROOMS.index(room(name))
    ]
    assert wrong == []


def test_shared_words_need_nothing_else():
    wrong = [f"{name} imports {other}"
             for name, path in modules() if name in SHARED for other in imports(name, path) - SHARED]
    assert wrong == []


def test_every_module_stands_in_a_room_or_is_shared():
    outside = {name for name, _ in modules() if room(name) is None} - SHARED
    # Front doors of their own: they start emrlite, nothing imports them.
    doors = {"emrlite.__main__", "emrlite.pytest_plugin", "emrlite.testing", "emrlite.jupyter"}
    strangers = {name for name in outside if ".".join(name.split(".")[:2]) not in doors}
    assert strangers == set()
