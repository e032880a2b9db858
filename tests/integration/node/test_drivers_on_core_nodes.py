"""Cluster deploy mode, with a Java that does as it is told."""

import signal
import time
from pathlib import Path

CONNECTED = "echo 'INFO Backend: Connected to Spark cluster with app ID application_1700000000500_0003' >&2\n"


def containers(node):
    logs = Path(node.info.core[0].root, "mnt/var/log/containers")
    return sorted(path.relative_to(logs).parts[0] for path in logs.glob("*/*/stderr"))


def log(node, name):
    return next(Path(node.info.core[0].root, "mnt/var/log/containers").glob(f"*/*/{name}")).read_text()


def submit(node, *more):
    return node.run("spark-submit", "--deploy-mode", "cluster", *more, "app.py")


def test_a_driver_that_succeeds_is_reported_as_yarns_client_does(node):
    node.does.write_text(f"{CONNECTED} pwd; echo ip $SPARK_LOCAL_IP $SPARK_CONF_DIR; sleep 0.5; exit 0")

    done = submit(node)

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    states = [line.rpartition("(state: ")[2].strip(")") for line in done.stderr.splitlines() if "(state: " in line]
    assert states == ["ACCEPTED", "RUNNING", "FINISHED"]
    assert "final status: SUCCEEDED" in done.stderr
    assert containers(node) == ["application_1700000000500_0003"]
    core = node.info.core[0]
    assert f"ip 127.9.9.2 {core.root}/conf" in log(node, "stdout")
    assert f"{core.root}/mnt/yarn/" in log(node, "stdout")


def test_a_driver_that_fails_fails_the_submitter_with_its_exception(node):
    node.does.write_text("echo 'Exception in thread \"main\" java.lang.IllegalStateException: on purpose' >&2; exit 3")

    done = submit(node)

    assert done.returncode == 1
    assert "final status: FAILED" in done.stderr
    assert "diagnostics: User class threw exception: java.lang.IllegalStateException: on purpose" in done.stderr
    assert "the driver exited with status 3" in done.stderr


def test_a_driver_without_a_context_keeps_an_id_of_its_own(node):
    submit(node)
    submit(node)

    found = containers(node)
    assert len(found) == 2
    assert not any(name.startswith("application_1700000000500_") for name in found)


def test_what_ends_the_submitter_ends_its_driver(node, tmp_path):
    begun = tmp_path / "begun"
    node.does.write_text(
        f"trap 'touch \"{tmp_path}/ended\"; exit 143' TERM; touch '{begun}'; while :; do sleep 0.1; done"
    )
    with node.start("spark-submit", "--deploy-mode", "cluster", "app.py") as process:
        try:
            deadline = time.monotonic() + 20
            while not begun.exists():
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=20)
        finally:
            process.kill()

    assert process.returncode == 1
    assert (tmp_path / "ended").exists()
    assert "final status: KILLED" in err


def test_a_missing_file_fails_before_the_driver_starts(node):
    done = submit(node, "--files", "/none.txt")

    assert done.returncode == 1
    assert "java.io.FileNotFoundException: /none.txt does not exist" in done.stderr


def test_a_driver_larger_than_its_container_is_refused(node):
    assert (
        "Required AM memory (13312+1331 MB) is above the max threshold" in submit(node, "--driver-memory", "13g").stderr
    )
