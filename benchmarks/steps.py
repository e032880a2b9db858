"""Steps on a cluster that is up: a PySpark job against bare ``spark-submit``, and a step that does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import WaiterError

from benchmarks import run_vs_local
from benchmarks.emulator import Emulator, running
from benchmarks.figures import Measure, Row, ratio
from benchmarks.options import Options, scratch_home, timed

BUCKET = "benchmark"
#: Steps that do nothing, for each pair.
NOTHINGS = 5


def measure(options: Options) -> dict[str, Row]:
    """Return the rows ``warm_step`` and ``bash_step``, or the one that is wanted."""
    source = run_vs_local.write_input(options.folder / "in", options.rows)
    ours, peers, nothings = [], [], []
    with running(scratch_home(options.folder / "steps-home"), ahead=options.ahead) as emulator:
        upload(emulator, source)
        cluster_id = emulator.launch(core=options.core, task=options.task)
        emulator.wait(cluster_id)
        spark, nothing = "warm_step" in options.wanted, "bash_step" in options.wanted
        if spark and not options.small:  # the first step of a cluster starts what later ones may find
            run_spark(emulator, cluster_id)
        for _ in options.each_pair("steps"):
            if spark:
                emulator.quiet()  # else the JVMs for the next step would practise beside the peer
                peers.append(run_vs_local.run_bare(options, source))
                emulator.quiet()
                ours.append(run_spark(emulator, cluster_id))
            if nothing:
                emulator.quiet()
                nothings += [run_nothing(emulator, cluster_id) for _ in range(NOTHINGS)]
        emulator.end(cluster_id)
    found = {"warm_step": spark_row(ours, peers)} if spark else {}
    return {**found, "bash_step": nothing_row(nothings)} if nothing else found


def upload(emulator: Emulator, source: Path) -> None:
    """Put the job and its input into S3."""
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.upload_file(str(run_vs_local.HERE / "job.py"), BUCKET, "job.py")
    for path in source.iterdir():
        s3.upload_file(str(path), BUCKET, f"in/{path.name}")


def run_step(emulator: Emulator, cluster_id: str, *args: str) -> tuple[float, float]:
    """Submit a step and wait for it as boto3's users do; return wall and processor seconds."""
    emr, used = emulator.client("emr"), emulator.processor_time()
    waiter = emr.get_waiter("step_complete")
    with timed() as wall:
        answer = emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[{
            "Name": args[0], "ActionOnFailure": "CONTINUE",
            "HadoopJarStep": {"Jar": "command-runner.jar", "Args": list(args)}}])
        try:
            waiter.wait(ClusterId=cluster_id, StepId=answer["StepIds"][0])
        except WaiterError as error:
            raise SystemExit(f"{' '.join(args)}: {error.last_response}") from error
    return wall(), emulator.processor_time() - used


def run_spark(emulator: Emulator, cluster_id: str) -> tuple[float, float]:
    return run_step(emulator, cluster_id, "spark-submit", f"s3://{BUCKET}/job.py", f"s3://{BUCKET}/in", "hdfs:///stage",
                    f"s3://{BUCKET}/out")


def run_nothing(emulator: Emulator, cluster_id: str) -> float:
    return run_step(emulator, cluster_id, "bash", "-c", "true")[0]


def spark_row(ours: Sequence[tuple[float, float]], peers: Sequence[run_vs_local.Outcome]) -> Row:
    return Row(
        what="a PySpark step on a warm cluster, submit → COMPLETED",
        against="bare `spark-submit --master local[2]` of the same job",
        measures=[ratio("wall", [wall for wall, _ in ours], [run.wall for run in peers], "s", at_most=0.35),
                  ratio("CPU", [cpu for _, cpu in ours], [run.cpu for run in peers], "s")],
        raw={"ours": ours, "peers": [run_vs_local.summary(run) for run in peers]})


def nothing_row(walls: Sequence[float]) -> Row:
    return Row(
        what="a `bash -c true` step, submit → COMPLETED by boto3's unchanged `step_complete` waiter", against="-",
        measures=[Measure(name="", values=[wall * 1000 for wall in walls], unit="ms", at_most=300)], raw=list(walls))
