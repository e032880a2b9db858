"""The package as it is installed from its wheel, in an empty folder and away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

USERS_TEST = """
from emrlite.testing import assert_completed, run_step


def test_it(emr_client, emr_cluster):
    assert_completed(run_step(emr_client, emr_cluster, "true"))
"""

KERNEL = """
from jupyter_client.kernelspec import get_kernel_spec
from jupyter_client.provisioning import KernelProvisionerFactory
found = get_kernel_spec("emrlite")
assert KernelProvisionerFactory.instance().is_provisioner_available(found)
print(found.display_name, found.resource_dir)
"""


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheel is installed; its dependencies are those of this Python."""
    room = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run([*pip, "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", room, ROOT], room)
    (wheel,) = room.glob("emrlite-*.whl")
    run([*pip, "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", "--prefix", room / "prefix",
         "--no-warn-script-location", wheel], room)
    return room / "prefix"


def run(command: list[object], cwd: Path, **environ: str) -> str:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    done = subprocess.run([str(word) for word in command], cwd=cwd, env={**kept, **environ}, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def environ(prefix: Path, tmp_path: Path) -> dict[str, str]:
    (site,) = prefix.glob("lib/python3*/site-packages")
    return {"PYTHONPATH": str(site), "EMRLITE_HOME": str(tmp_path / "a home"), "IPYTHONDIR": str(tmp_path / "ipython"),
            "JUPYTER_PATH": str(prefix / "share/jupyter")}


def test_the_command_runs_and_finds_its_locks(prefix: Path, environ: dict[str, str], tmp_path: Path) -> None:
    assert "Amazon EMR on one machine" in run([prefix / "bin/emrlite", "--help"], tmp_path, **environ)
    code = ("import emrlite; from emrlite.node.lockfile import conf\n"
            "print(emrlite.__file__, conf('engines.lock').is_file())")
    where, found = run([sys.executable, "-P", "-c", code], tmp_path, **environ).split()
    assert (Path(where).is_relative_to(prefix), found) == (True, "True")


def test_pytest_finds_the_plugin(prefix: Path, environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(USERS_TEST)
    said = run([sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", "--emrlite-timing=instant",
                f"--basetemp={tmp_path / 'tmp'}"], tmp_path, **environ)
    assert "1 passed" in said


def test_jupyter_finds_the_kernel_and_what_starts_it(prefix: Path, environ: dict[str, str], tmp_path: Path) -> None:
    said = run([sys.executable, "-P", "-c", KERNEL], tmp_path, **environ)
    assert said == f"PySpark on emrlite {prefix / 'share/jupyter/kernels/emrlite'}\n"
