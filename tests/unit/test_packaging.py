"""The files at the top of the checkout agree with the code."""

import ast
import gzip
import importlib
import json
import re
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from emrlite.settings import Settings, commented

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

#: The folders of tests, by what they cost.
TIERS = ("unit", "integration", "spark")

#: Used, but not imported: run as programs of their own.
RUN = {"moto", "pip"}


def name_of(requirement: str) -> str:
    match = re.match(r"[\w-]+", requirement)
    assert match is not None
    return match[0]


def imported(folder: Path) -> set[str]:
    """Top names of everything that the modules of *folder* import from outside."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"emrlite", "_typeshed"}


def test_every_dependency_is_used_and_everything_used_is_a_dependency():
    declared = {name_of(requirement) for requirement in PROJECT["dependencies"]}
    # What works with the user's own pyspark, pytest or pyarrow is imported where it is there.
    optional = {"pytest", "pyarrow", "jupyter_client", *map(name_of, PROJECT["optional-dependencies"]["spark"])}
    assert imported(ROOT / "emrlite") - optional - RUN == declared - RUN


def test_the_lock_holds_everything_that_is_declared():
    lock = (ROOT / "conf/requirements.lock").read_text()
    for requirements in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        for requirement in requirements:
            assert re.search(rf"^{name_of(requirement)}==", lock, re.MULTILINE), requirement


def test_the_extra_installs_the_default_spark():
    assert PROJECT["optional-dependencies"]["spark"] == [f"pyspark=={Settings().spark}"]


def test_the_commented_settings_are_those_of_the_code():
    assert (ROOT / "conf/emrlite.toml").read_text() == commented(), (
        "write it anew: python -c 'from emrlite.settings import *; print(commented(), end=str())' > conf/emrlite.toml"
    )


def test_the_commented_settings_are_the_defaults(tmp_path):
    text = re.sub(r"^# (\w+ = )", r"\1", (ROOT / "conf/emrlite.toml").read_text(), flags=re.MULTILINE)
    (tmp_path / "emrlite.toml").write_text(text)
    values = tomllib.loads(text)
    assert Settings.load({"home": tmp_path}, environ={}) == Settings(home=tmp_path)
    assert len(values) == len(Settings.__dataclass_fields__)


@pytest.mark.parametrize("target", ["help", "setup", "run", "test", *TIERS, "lint", "bench", "clean"])
def test_make_help_lists_the_target(target):
    assert re.search(rf"^{target}:.*## \w", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_every_tier_of_tests_is_a_part_of_make_test():
    found = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}
    assert found == set(TIERS)
    assert re.search(rf"^test: .*{' '.join(TIERS)} ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_no_file_of_ours_names_a_host_of_a_package_registry():
    hosts = re.compile(r"(pypi|pythonhosted|maven\.(org|apache)|repo1)\b", re.IGNORECASE)
    files = [*(ROOT / "conf").iterdir(), ROOT / "pyproject.toml", ROOT / "Makefile", ROOT / ".ci/run",
             *(ROOT / "emrlite").rglob("*.py")]  # fmt: skip
    assert [str(path) for path in files if hosts.search(text(path))] == []


def text(path: Path) -> str:
    """What stands in *path*, unpacked."""
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes()).decode()
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as file:
            return "".join(file.read(name).decode("latin-1") for name in file.namelist())
    return path.read_text()


def test_the_kernel_names_the_provisioner_that_the_package_brings():
    kernel = json.loads((ROOT / "share/jupyter/kernels/emrlite/kernel.json").read_text())
    name = kernel["metadata"]["kernel_provisioner"]["provisioner_name"]
    module, _, attribute = PROJECT["entry-points"]["jupyter_client.kernel_provisioners"][name].partition(":")
    assert hasattr(importlib.import_module(module), attribute)
    extension = next(word for word in kernel["argv"] if word.startswith("--ext=")).removeprefix("--ext=")
    assert hasattr(importlib.import_module(extension), "load_ipython_extension")
