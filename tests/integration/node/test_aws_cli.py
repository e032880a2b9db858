"""The program `aws` of a home in which set-up has not come to it yet."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import wait_for

from emrlite.node import aws_cli, engines, packages


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "a home"
    aws_cli.lay_out(home)
    return home


@pytest.fixture
def caller(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Somebody who calls it while set-up is at work."""
    with engines._alone(home, print):
        process = subprocess.Popen([aws_cli.programs(home) / "aws", "s3", "ls"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        wait_for(lambda: aws_cli.is_wanted(home), 30, "a wish")
        yield process
        process.kill()
        process.communicate(timeout=30)


def test_a_caller_waits_until_it_is_installed(home: Path, caller: subprocess.Popen[str],
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    assert caller.poll() is None

    def install(environment: Path, *_: object) -> Path:
        packages.python(environment).parent.mkdir(parents=True)
        packages.python(environment).write_text('#!/bin/sh\necho "$@"\n')
        packages.python(environment).chmod(0o755)
        packages.stamp(environment).write_text(packages.digest(["aws.lock"]))
        return environment

    monkeypatch.setattr(packages, "ensure", install)
    aws_cli.make(home, print)
    out, err = caller.communicate(timeout=30)
    assert (caller.returncode, out) == (0, "-I -m awscli s3 ls\n")
    assert "is being installed" in err
    assert not aws_cli.is_wanted(home)
    program = aws_cli.programs(home) / "aws"
    again = subprocess.run([program, "x"], capture_output=True, text=True, timeout=30, check=True)
    assert (again.stdout, again.stderr) == ("-I -m awscli x\n", "")


def test_where_nobody_installs_it_the_caller_fails_and_says_what_helps(home: Path) -> None:
    done = subprocess.run([aws_cli.programs(home) / "aws", "s3", "ls"], capture_output=True, text=True, timeout=30,
                          check=False)
    assert done.returncode == 1
    assert done.stderr.endswith(f"is not installed in {home}; {home}/setup.log may say why. Run `emrlite setup`\n")
    assert not aws_cli.is_wanted(home)


def test_where_a_caller_cannot_look_it_says_what_helps(home: Path) -> None:
    (home / "setup.lock").mkdir()  # no file that could be opened
    done = subprocess.run([aws_cli.programs(home) / "aws", "s3", "ls"], capture_output=True, text=True, timeout=30,
                          check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith("; run `emrlite setup`\n")


def test_it_is_written_for_a_python_with_a_space_in_its_path(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/a place/python")
    aws_cli.lay_out(home)
    assert "'/a place/python' -I -c '" in (aws_cli.programs(home) / "aws").read_text()
