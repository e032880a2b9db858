"""What is linked ahead is what Java links (`emrlite.node.linked_ahead`): compared class by class, all of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from emrlite.node import engines, java, linked_ahead, own_classes
from emrlite.node.engines import Engine
from emrlite.node.java_options import MODULE_OPTIONS
from emrlite.settings import Settings

COMPARE = Path(__file__).with_name("java") / "CompareLinked.java"


@pytest.fixture(scope="module")
def engine() -> Engine:
    found = engines.ensure(Settings.load(), print, whole=True)
    assert found.archive
    return found


def jars(engine: Engine) -> list[Path]:
    return sorted((engine.home / "jars").glob("*.jar"))


@pytest.fixture(scope="module")
def compared(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the compiled program."""
    classes = tmp_path_factory.mktemp("classes")
    own_classes.compile_java(engine.java_home, jars(engine), [COMPARE], classes)
    return classes


def test_every_class_that_is_linked_ahead_is_sparks_and_every_link_what_java_makes(
        engine: Engine, compared: Path, tmp_path: Path) -> None:
    archive = linked_ahead.archive(engine.home)
    said = subprocess.run(
        [engine.java_home / "bin/java", *MODULE_OPTIONS, f"-Djdk.internal.lambda.dumpProxyClasses={tmp_path}", "-cp",
         ":".join(map(str, [archive, compared, *jars(engine)])), "CompareLinked", archive],
        capture_output=True, text=True, timeout=300, check=False)
    assert said.returncode == 0, said.stderr
    classes, lambdas, concatenations, written = map(int, said.stdout.split())
    print(f"{classes} classes with {lambdas} lambdas and {concatenations} concatenations")
    assert classes > 1000
    assert lambdas > 5000
    assert concatenations > 500
    if java.find(Settings.load().home).version.startswith("17."):  # later ones have another way to see such classes
        assert written == lambdas
