"""Scripts of steps and bootstrap actions."""

import pytest


def script(path, text):
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("#!/bin/bash\necho $1 $EMR_STEP_ID\n", "a s-1\n"),
        ("#!/usr/bin/env bash\necho $1 $BASH_VERSINFO >/dev/null; echo ok\n", "ok\n"),
        ("echo no first line $1\n", "no first line a\n"),
        ("#!/usr/bin/python3\nimport sys; print(sys.argv[1:])\n", "['a']\n"),
        ("#!/usr/bin/env python3\nimport os; print(os.environ['HOME'].endswith('/home/hadoop'))\n", "True\n"),
    ],
)
def test_a_script_runs_by_its_first_line_with_the_nodes_programs(text, out, node, tmp_path):
    done = node.run("script-runner", script(tmp_path / "my script", text), "a")

    assert (done.returncode, done.stdout) == (0, out), done.stderr


def test_the_exit_code_is_the_scripts(node, tmp_path):
    assert node.run("script-runner", script(tmp_path / "x.sh", "exit 9\n")).returncode == 9


def test_a_script_that_would_reach_the_users_machine_is_not_run(node, tmp_path):
    done = node.run("script-runner", script(tmp_path / "x.sh", "#!/bin/bash\necho begun\nsudo /sbin/shutdown -h now\n"))

    assert (done.returncode, done.stdout) == (1, "")
    assert "was not run: line 3 calls /sbin/shutdown" in done.stderr


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ([], "no script was given"),
        (["/none.sh"], "/none.sh does not exist on master"),
        (["s3://bucket/x.sh"], "s3://bucket/x.sh cannot be read"),
        (["s3://us-east-1.elasticmapreduce/libs/hive/hive-script"], "is not here"),
    ],
)
def test_a_script_that_cannot_be_read_is_named(args, text, node):
    done = node.run("script-runner", *args)

    assert done.returncode == 1
    assert text in done.stderr


@pytest.mark.parametrize(("condition", "out"), [("instance.isMaster=true", "here\n"), ("instance.isMaster=false", "")])
def test_run_if_asks_for_the_nodes_role(condition, out, node):
    done = node.run("script-runner", "s3://elasticmapreduce/bootstrap-actions/run-if", condition, "echo", "here")

    assert (done.returncode, done.stdout) == (0, out)
