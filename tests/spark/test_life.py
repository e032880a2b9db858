"""The lives of clusters: bootstrap actions, transient ends, crashes, lost nodes, sleep."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from rig import Emulator, new_home, wait_for


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator that a test may kill."""
    emulator = Emulator(new_home(tmp_path_factory.mktemp("life") / "home"))
    emulator.start()
    yield emulator
    emulator.stop()


def processes(emulator: Emulator, *words: str) -> list[psutil.Process]:
    """Processes of the emulator's clusters whose command line has all *words*."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
            ours = str(emulator.home) in process.environ().get("EMRLITE_OWNER", "")
            if ours and all(word in line for word in words) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def story(emulator: Emulator, cluster: str) -> list[tuple[str, str, str]]:
    with sqlite3.connect(emulator.home / "emrlite.db") as db:
        rows = db.execute("SELECT subject, state, reason FROM events WHERE cluster = ? ORDER BY number", (cluster,))
        found = rows.fetchall()
    db.close()
    return found


def test_a_transient_cluster_bootstraps_every_node_runs_its_step_and_goes_with_its_hdfs(own: Emulator) -> None:
    script = own.put("boot.sh", '#!/bin/bash\necho "boot $1"; echo "$1" > $HOME/booted\n')
    command = "cat $HOME/booted; echo data | hadoop fs -put - hdfs:///tmp/data && hadoop fs -cat hdfs:///tmp/data"
    step = {"Name": "s", "ActionOnFailure": "TERMINATE_CLUSTER",
            "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["bash", "-c", command]}}
    cluster = own.run_cluster(core=2, task=1, keep=False, Steps=[step], BootstrapActions=[
        {"Name": "first", "ScriptBootstrapAction": {"Path": script, "Args": ["one"]}},
        {"Name": "second", "ScriptBootstrapAction": {"Path": script, "Args": ["two"]}}])
    found = own.wait_cluster(cluster, "TERMINATED")

    assert found["Status"]["StateChangeReason"] == {"Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed"}
    states = [state for subject, state, _ in story(own, cluster) if subject == "cluster"]
    assert states == ["STARTING", "BOOTSTRAPPING", "RUNNING", "TERMINATING", "TERMINATED"]
    (step_id,) = [step["Id"] for step in own.emr.list_steps(ClusterId=cluster)["Steps"]]
    assert own.log(cluster, step_id, "stdout") == "two\ndata\n"
    nodes = own.emr.list_instances(ClusterId=cluster)["Instances"]
    assert len(nodes) == 4
    for node in nodes:
        place = f"s3://test-bucket/logs/{cluster}/node/{node['Ec2InstanceId']}"
        assert own.read(f"{place}/bootstrap-actions/1/stdout.gz") == "boot one\n"
        assert own.read(f"{place}/bootstrap-actions/2/stdout.gz") == "boot two\n"
    daemons = [key for key in own.keys(f"logs/{cluster}/node/") if "/daemons/" in key]
    assert len(daemons) == 3 + 2 * 3 + 2, "one of the process, and one of each daemon"
    left = own.home / "clusters" / cluster
    assert list(left.rglob("blk_*")) == []
    assert processes(own, cluster) == []


def test_a_failing_bootstrap_action_ends_the_cluster_as_emr_does(own: Emulator) -> None:
    script = own.put("bad.sh", "#!/bin/bash\necho no luck >&2; exit 9\n")
    cluster = own.run_cluster(BootstrapActions=[{"Name": "bad", "ScriptBootstrapAction": {"Path": script}}])
    reason = own.wait_cluster(cluster, "TERMINATED_WITH_ERRORS")["Status"]["StateChangeReason"]
    nodes = own.emr.list_instances(ClusterId=cluster)["Instances"]

    assert reason["Code"] == "BOOTSTRAP_FAILURE"
    assert reason["Message"].endswith("bootstrap action 1 returned a non-zero return code")
    # The first that failed is named; the others may have been stopped before they said anything.
    (failed,) = [node["Ec2InstanceId"] for node in nodes if node["Ec2InstanceId"] in reason["Message"]]
    place = f"s3://test-bucket/logs/{cluster}/node/{failed}/bootstrap-actions/1"
    assert own.read(f"{place}/stderr.gz") == "no luck\n"


@pytest.fixture(scope="module")
def long_running(own: Emulator) -> str:
    cluster = own.run_cluster(core=2, task=1)
    own.wait_cluster(cluster, "WAITING")
    return cluster


def test_a_protected_cluster_is_not_terminated(own: Emulator, long_running: str) -> None:
    own.emr.set_termination_protection(JobFlowIds=[long_running], TerminationProtected=True)
    with pytest.raises(own.emr.exceptions.ClientError, match="termination protected"):
        own.emr.terminate_job_flows(JobFlowIds=[long_running])
    own.emr.set_termination_protection(JobFlowIds=[long_running], TerminationProtected=False)

    assert own.state(long_running) == "WAITING"


def test_after_kill_9_clusters_and_running_steps_are_attached_again(own: Emulator, long_running: str) -> None:
    (ended, running) = (
        own.add_steps(long_running, ("bash", "-c", "sleep 3; echo while nobody looked; exit 5"))[0],
        own.add_steps(long_running, ("bash", "-c", "echo on; until [ -e $HOME/go ]; do sleep 0.2; done; echo done"))[0])
    own.wait_step(long_running, ended, "RUNNING")
    own.kill()
    wait_for(lambda: not processes(own, "sleep 3"), 20, "the end of the step")
    own.start()

    assert own.wait_step(long_running, ended)["State"] == "FAILED"
    assert "exit code 5" in own.log(long_running, ended, "controller")
    own.wait_step(long_running, running, "RUNNING")
    own.kill()
    own.start()
    (own.home / "clusters" / long_running / "master/home/hadoop/go").touch()
    assert own.wait_step(long_running, running)["State"] == "COMPLETED"
    assert own.log(long_running, running, "stdout") == "on\ndone\n"
    wait_for(lambda: own.state(long_running) == "WAITING", 20)


def test_after_kill_9_of_the_s3_server_it_is_back_with_its_data(own: Emulator) -> None:
    uri = own.put("kept.txt", "kept")
    (server,) = [process for process in processes(own, "s3proxy") if process.name() == "java"]
    server.kill()
    wait_for(lambda: not server.is_running(), 10)

    assert own.read(uri) == "kept"


def test_a_machine_that_sleeps_for_thirty_seconds_loses_no_node(own: Emulator, long_running: str) -> None:
    everything = [*processes(own), psutil.Process(own.process.pid)]
    for process in everything:
        process.suspend()
    subprocess.run(["sleep", "31"], check=True, timeout=60)
    for process in everything:
        process.resume()
    command = "echo awake | hadoop fs -put - /tmp/awake && hadoop fs -cat /tmp/awake"
    done = own.run_step(long_running, "bash", "-c", command)

    assert (done["State"], done["stdout"]) == ("COMPLETED", "awake\n")
    assert own.state(long_running) == "WAITING"
    assert [state for subject, state, _ in story(own, long_running) if state == "TERMINATED"] == []


def test_a_daemon_that_dies_is_noticed_and_a_lost_master_ends_the_cluster(own: Emulator, long_running: str) -> None:
    for node, daemon in (("task-1", "worker.Worker"), ("core-2", "datanode.DataNode")):
        (process,) = [p for p in processes(own, f"{long_running}/{node}/", daemon) if p.name() == "java"]
        process.kill()
        wait_for(lambda name=node: (name, "TERMINATED") in {(s, t) for s, t, _ in story(own, long_running)}, 10, node)
    gone = [node for node in own.emr.list_instances(ClusterId=long_running)["Instances"]
            if node["Status"]["State"] == "TERMINATED"]
    assert {node["Status"]["StateChangeReason"]["Code"] for node in gone} == {"INSTANCE_FAILURE"}
    assert len(gone) == 2
    assert own.state(long_running) == "WAITING"

    (master,) = [p for p in processes(own, f"{long_running}/master/", "master.Master") if p.name() == "java"]
    master.kill()
    reason = own.wait_cluster(long_running, "TERMINATED_WITH_ERRORS", timeout=60)["Status"]["StateChangeReason"]
    assert reason == {"Code": "INSTANCE_FAILURE", "Message": "The master node was terminated"}
    assert processes(own, long_running) == []


def test_reset_waits_until_clusters_are_gone_and_leaves_local_buckets(own: Emulator) -> None:
    uri = own.put("stays.txt", "stays")
    cluster = own.run_cluster()
    connection = http.client.HTTPConnection(own.url.removeprefix("http://"), timeout=150)
    connection.request("POST", "/moto-api/reset")
    assert json.load(connection.getresponse())["status"] == "ok"
    connection.close()

    assert processes(own, cluster) == []
    assert own.emr.list_clusters()["Clusters"] == []
    assert own.read(uri) == "stays"


def test_a_cluster_that_does_not_fit_is_refused_with_the_reason(own: Emulator) -> None:
    with pytest.raises(own.emr.exceptions.ClientError, match="no room for the cluster"):
        own.run_cluster(core=200)

    assert own.emr.list_clusters()["Clusters"] == []


# emrlite run


def run(home: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    env = {name: os.environ[name] for name in ("PATH", "HOME", "JAVA_HOME", "LANG") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "emrlite", "run", *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**env, "EMRLITE_HOME": str(home), **variables})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return new_home(tmp_path / "home")


def test_run_in_single_address_mode_without_namespaces_with_a_proxy_set_gives_the_exit_code_of_the_step(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "numbers.csv").write_text("1\n2\n3\n")
    (tmp_path / "job.py").write_text(
        "import sys\nfrom pyspark.sql import SparkSession\nspark = SparkSession.builder.getOrCreate()\n"
        "rows = spark.read.csv(sys.argv[1])\nrows.write.parquet('hdfs:///tmp/rows')\n"
        "spark.read.parquet('hdfs:///tmp/rows').write.json(sys.argv[2])\nprint('rows', rows.count())\nsys.exit(6)\n")
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    process = run(
        home, "--core", "1", "--task", "0", "--input", f"{tmp_path}/numbers.csv=s3://numbers/in/",
        str(tmp_path / "job.py"), "s3://numbers/in/", "s3://numbers/out", EMRLITE_ADDRESSES="single",
        EMRLITE_NAMESPACE="off", **proxies)
    out, err = process.communicate(timeout=300)

    assert process.returncode == 6, err
    assert "rows 3" in out
    assert "s3://numbers/out/" in err
    assert list((home / "s3/numbers/out").glob("part-*.json"))


def test_run_installs_requirements_for_the_driver_and_for_executors_on_every_node(home: Path, tmp_path: Path) -> None:
    wheel = home / "marker-1.0-py3-none-any.whl"  # where every node sees it
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("marker.py", "WORD = 'installed'\n")
        archive.writestr("marker-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: marker\nVersion: 1.0\n")
        archive.writestr(
            "marker-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("marker-1.0.dist-info/RECORD", "")
    (tmp_path / "requirements.txt").write_text(f"# of the job\n{wheel}\n")
    (tmp_path / "job.py").write_text(
        "import marker\nfrom pyspark.sql import SparkSession\nsc = SparkSession.builder.getOrCreate().sparkContext\n"
        "def there(_):\n    import marker, os\n    return marker.WORD, marker.__file__.split('/')[-6]\n"
        "print('driver', there(0))\nprint('executors', set(sc.parallelize(range(4), 4).map(there).collect()))\n")
    process = run(home, "--core", "1", "--task", "0", "--requirements", str(tmp_path / "requirements.txt"),
                  str(tmp_path / "job.py"), EMRLITE_ADDRESSES="single")
    out, err = process.communicate(timeout=300)

    assert process.returncode == 0, err
    assert "driver ('installed', 'master')" in out
    assert "executors {('installed', 'core-1')}" in out
    assert subprocess.run([sys.executable, "-c", "import marker"], capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_to_run_leaves_no_process(home: Path, tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "job.py").write_text("import time\ntime.sleep(300)\n")
    process = run(home, "--core", "1", "--task", "0", str(tmp_path / "job.py"))
    wait_for(lambda: len(_of(home)) >= 4, 60, "daemons")
    process.send_signal(number)
    process.communicate(timeout=60)

    assert process.returncode == (-9 if number is signal.SIGKILL else 128 + number)
    wait_for(lambda: not _of(home), 15, "the end of all processes")


def _of(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if str(home) in process.environ().get("EMRLITE_OWNER", "") and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found
