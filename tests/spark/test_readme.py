"""Every block of the README is run, in the order in which it stands, by one shell in an empty folder.

`bash` blocks share the shell; a `python` block with a title is a file, one without is run;
`text` is what the block before it prints (`pages.missing` says how it is compared).
`make` is shown by a dry run (its jobs are this suite and `test_flights`), and `pip` installs
this checkout for real, without its dependencies, which are there.  `aws` is what `emrlite env` finds.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pages import Block, blocks, missing

ROOT = Path(__file__).parents[2]
BLOCKS = blocks(ROOT / "README.md")
RUN = [number for number, block in enumerate(BLOCKS)
       if block.kind in ("bash", "python") and "title" not in block.options]
SHOWN = [number for number, block in enumerate(BLOCKS) if block.kind == "text" and "output-of" not in block.options]
SECONDS = 580

PROGRAMS = {
    "emrlite": f'exec {sys.executable} -m emrlite "$@"',
    "python": f'exec {sys.executable} "$@"',
    "python3": f'exec {sys.executable} "$@"',
    "make": f'exec {shutil.which("make")} --dry-run --always-make -C {shlex.quote(str(ROOT))} "$@"',
    "pip": f"""case "$*" in
'install .[spark]') ;;
'install pytest pyarrow') exec {sys.executable} -c 'import pytest, pyarrow' ;;
*) echo "pip $*: the test knows no such use" >&2; exit 1 ;;
esac
exec {sys.executable} -m pip install --quiet --no-deps --no-index --no-build-isolation --target installed \\
    {shlex.quote(str(ROOT))}""",
}


@dataclass(frozen=True)
class Session:
    """What the blocks did."""

    home: Path
    outputs: Path
    code: int

    def printed(self, number: int) -> str:
        path = self.outputs / str(number)
        return path.read_text() if path.exists() else f"(block {number} was not reached)\n{self.last()}"

    def done(self, number: int) -> bool:
        return (self.outputs / f"{number}.done").exists()

    def last(self) -> str:
        reached = [number for number in RUN if (self.outputs / str(number)).exists()]
        return (self.outputs / str(reached[-1])).read_text() if reached else ""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, link_engines: Callable[[Path], Path]) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("readme")
    home, programs, outputs = link_engines(folder / "a home"), folder / "programs", folder / "outputs"
    for directory in (programs, outputs, folder / "here"):
        directory.mkdir()
    for name, text in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "EMRLITE_"))}
    environ |= {
        "PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(folder), "PYTHONPATH": str(ROOT),
        "EMRLITE_HOME": str(home), "EMRLITE_PORT": "0", "PAGER": "cat",
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
    }
    try:
        done = subprocess.run(["bash", "-c", script(outputs)], cwd=folder / "here", env=environ, timeout=SECONDS)
        yield Session(home, outputs, done.returncode)
    finally:
        subprocess.run([programs / "emrlite", "stop"], env=environ, capture_output=True, timeout=120)
        shutil.rmtree(folder)


def script(outputs: Path) -> str:
    """One shell that runs all blocks, stops at the first that fails, and keeps what each prints."""
    lines = ["set -e"]
    for number, block in enumerate(BLOCKS):
        if "title" in block.options:
            lines.append(f"printf %s {shlex.quote(block.text)} > {shlex.quote(block.options['title'])}")
        elif number in RUN:
            output = shlex.quote(str(outputs / str(number)))
            lines += [f"exec > {output} 2>&1", as_shell(block), f"touch {output}.done"]
    return "\n".join(lines)


def as_shell(block: Block) -> str:
    return block.text if block.kind == "bash" else f"python -c {shlex.quote(block.text)}"


def test_there_is_no_block_that_nobody_runs():
    for number, block in enumerate(BLOCKS):
        assert number in RUN or number in SHOWN or block.options, f"block {number}: {block.kind}\n{block.text}"
    assert RUN
    assert all(number - 1 in RUN for number in SHOWN), "what is shown stands behind what prints it"


@pytest.mark.parametrize("number", RUN, ids=lambda number: BLOCKS[number].text.split("\n")[0][:40])
def test_a_block_runs(session: Session, number: int):
    assert session.done(number), session.printed(number)


@pytest.mark.parametrize("number", SHOWN, ids=lambda number: BLOCKS[number].text.split("\n")[0][:40])
def test_a_block_prints_what_the_readme_shows(session: Session, number: int):
    printed = session.printed(number - 1)
    assert missing(BLOCKS[number].text, printed, session.home) == [], printed


def test_what_pip_installs_is_the_package(session: Session):
    installed = session.outputs.parent / "here/installed"
    assert (installed / "emrlite/server.py").exists()
    assert (installed / "emrlite/conf/engines.lock").exists()
