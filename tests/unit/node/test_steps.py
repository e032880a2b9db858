"""From a step to its command, and its environment."""

import pytest

from emrlite.cluster.model import StepSpec
from emrlite.node import steps

AWS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}


def command(jar, *args, info, programs=("spark-submit", "run-example", "aws", "bash", "sudo"), **more):
    def look(name, path):
        base = name.rpartition("/")[2]
        if name == base and base in programs:
            return f"{path.split(':')[0]}/{base}"
        return name if name == "/opt/tool" else None

    return steps.command(StepSpec(id="s-1", name="x", jar=jar, args=args, **more), info, look)


@pytest.mark.parametrize("jar", ["command-runner.jar", "/var/lib/aws/emr/command-runner.jar"])
@pytest.mark.parametrize("program", ["spark-submit", "/usr/bin/spark-submit", "/usr/lib/spark/bin/spark-submit"])
def test_command_runner_runs_the_nodes_own_program_by_any_of_its_names(jar, program, info):
    assert command(jar, program, "a", "--b", info=info).argv == (f"{info.layout.bin}/spark-submit", "a", "--b")


def test_command_runner_runs_any_program(info):
    assert command("command-runner.jar", "/opt/tool", "1", info=info).argv == ("/opt/tool", "1")


@pytest.mark.parametrize("program", ["nothing", "/usr/bin/nothing", "./nothing"])
def test_a_program_that_is_missing_fails_as_on_emr(program, info):
    found = command("command-runner.jar", program, info=info)

    assert f'Cannot run program "{program}" (in directory "."): error=2' in found.notes[0]
    assert found.argv[:2] == ("/bin/sh", "-c")


def test_script_runner_is_known_by_every_place_of_its_jar(info):
    for jar in (
        "s3://us-east-1.elasticmapreduce/libs/script-runner/script-runner.jar",
        "s3://elasticmapreduce/libs/script-runner/script-runner.jar",
        "script-runner.jar",
    ):
        assert command(jar, "s3://b/x.sh", "1", info=info).argv == (
            f"{info.layout.bin}/script-runner",
            "s3://b/x.sh",
            "1",
        )


@pytest.mark.parametrize("jar", ["command-runner.jar", "script-runner.jar"])
def test_a_runner_with_nothing_to_run_fails_with_the_reason(jar, info):
    assert command(jar, info=info).argv[:2] == ("/bin/sh", "-c")
    assert jar in command(jar, info=info).notes[0]


def test_any_other_jar_is_run_as_hadoop_jar_does(info):
    found = command("s3://b/my.jar", "in", "out", info=info, main_class="a.B", properties={"k": "v w"})

    assert found.argv == (
        f"{info.layout.bin}/jar-runner", "--property=k=v w", "--main-class=a.B", "s3://b/my.jar", "in", "out",
    )  # fmt: skip


@pytest.mark.parametrize(
    "args",
    [
        ("bash", "-c", "sudo /sbin/shutdown -h now"),
        ("bash", "-lc", "/usr/bin/yum install x"),
        ("sudo", "/sbin/reboot"),
        ("/sbin/halt",),
    ],
)
def test_a_command_that_would_reach_the_users_machine_is_not_run(args, info):
    found = command("command-runner.jar", *args, info=info, programs=("bash", "sudo", "halt"))

    assert "was not run" in found.notes[0]
    assert found.argv[0] == "/bin/sh"


def test_the_environment_is_chosen_and_not_the_users(info):
    env = steps.environment(
        info, step_id="s-1", credentials=AWS, environ={"SECRET": "x", "PYTHONPATH": "/own", "https_proxy": "http://p:1"}
    )

    assert env["EMR_STEP_ID"] == "s-1"
    assert env["EMR_CLUSTER_ID"] == info.cluster_id
    assert env["AWS_ENDPOINT_URL"] == info.aws_endpoint
    assert env["AWS_SECRET_ACCESS_KEY"] == "s"
    assert env["https_proxy"] == "http://p:1"
    assert env["HOME"] == f"{info.root}/home/hadoop"
    assert env["PATH"].split(":")[0] == f"{info.root}/bin"
    assert not {"SECRET", "PYTHONPATH"} & set(env)


def test_no_proxy_stands_between_the_nodes(info):
    env = steps.environment(info, step_id=None, credentials={}, environ={"http_proxy": "http://p:1"})

    hosts = env["no_proxy"].split(",")
    assert env["NO_PROXY"] == env["no_proxy"]
    assert {"localhost", "127.0.0.0/8", "127.*", "127.0.0.1", "127.9.9.1", "127.9.9.2"} <= set(hosts)
    assert "EMR_STEP_ID" not in env
