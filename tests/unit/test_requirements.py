"""The bootstrap action of ``run --requirements``."""

import subprocess

import click
import pytest

from emrlite.cli import requirements


@pytest.mark.parametrize(
    "text", ["boto3==1.40\n", "# it's a comment\na>=1; python_version > '3'\n", '$HOME `x` "q"\n', "no end of line"])
def test_the_file_arrives_as_it_is_and_the_nodes_pip_is_given_it(text, tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "pip").write_text('#!/bin/sh\necho "$@" > called\nexit 3\n')
    (programs / "pip").chmod(0o755)
    (tmp_path / "script.sh").write_text(requirements.script(text))
    env = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(["bash", tmp_path / "script.sh"], env=env, timeout=30, check=False)

    assert (tmp_path / "requirements.txt").read_text() == text
    assert (tmp_path / "called").read_text() == "install --requirement requirements.txt\n"
    assert done.returncode == 3


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(click.BadParameter, match="is no file"):
        requirements.check(str(tmp_path / "none.txt"))
    assert requirements.check(None) is None
