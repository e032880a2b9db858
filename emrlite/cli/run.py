"""``emrlite run``: one application on a cluster of its own, from start to end."""

from __future__ import annotations

import difflib
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import click
from botocore.exceptions import ClientError

from emrlite import home
from emrlite.cli import output, requirements, upload
from emrlite.cli.client import emr
from emrlite.cli.follow import follow
from emrlite.cluster import releases
from emrlite.errors import EmrliteError, EndpointError
from emrlite.settings import Settings
from emrlite.storage import s3
from emrlite.storage.emrfs import S3Access

#: Buckets that `run` makes for what the user did not name; the second is what EMR's console takes.
WORK_BUCKET = "emrlite-run"
LOG_BUCKET = "aws-logs-123456789012-{region}"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the command line asks for."""

    application: str
    arguments: tuple[str, ...]
    core: int
    task: int
    release_label: str
    submit: tuple[str, ...]  #: options of spark-submit
    inputs: tuple[upload.Input, ...]
    instance_type: str
    requirements: Path | None


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--core", type=click.IntRange(1), default=2, show_default=True, help="Core nodes: HDFS and Spark.")
@click.option("--task", type=click.IntRange(0), default=1, show_default=True, help="Task nodes: Spark only.")
@click.option("--instance-type", default="m5.xlarge", show_default=True, help="Type of all nodes.")
@click.option("--release-label", default=releases.DEFAULT, show_default=True, help="EMR release.")
@click.option("--conf", multiple=True, metavar="K=V", help="A property of Spark; may be repeated.")
@click.option("--class", "main_class", help="Main class, of an application in a jar.")
@click.option("--deploy-mode", type=click.Choice(["client", "cluster"]), help="Where the driver runs.")
@click.option("--py-files", multiple=True, help="Python modules or archives, on this machine or in S3.")
@click.option("--jars", multiple=True, help="Jars, on this machine or in S3.")
@click.option("--files", multiple=True, help="Files for the job's working directory.")
@click.option("--input", "inputs", multiple=True, metavar="LOCAL=s3://…",
              help="Upload a file or folder first; may be repeated.")
@click.option("--requirements", metavar="FILE",
              help="Install this requirements.txt on every node first, for driver and executors.")
@click.option("--s3", help="`local`, `moto` or the URL of an S3 endpoint, where no emulator runs yet.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON at the end.")
@click.argument("application")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def run(context: click.Context, /, application: str, arguments: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Run APPLICATION on a transient cluster: nodes come up, one spark-submit step, nodes go.

    The exit code is the step's.  Without a running emulator one is made for the time of the job.
    """
    at = output.settings(context, s3=options["s3"])
    job = _job(application, arguments, options)
    if different := releases.difference(job.release_label, at.spark):
        click.echo(f"warning: {different}", err=True)
    if note := misplaced(job.application, arguments):
        click.echo(f"note: {note}", err=True)
    sources = _sources(job, options)
    with _signals() as interrupted, _endpoint(at, interrupted) as (url, s3_up):
        emr_client = emr(url, at.region)  # S3 may be on its way yet
        s3_client = s3_up()
        cluster_id, step_id, since = _submit(at, emr_client, s3_client, job, sources)
        outcome = follow(
            at, url, s3_client, cluster_id, step_id, since=since, spared=_spared(at, job), interrupted=interrupted)
    if as_json:
        output.as_json(outcome)
    sys.exit(outcome.exit_code)


def _job(application: str, arguments: tuple[str, ...], options: dict[str, Any]) -> Job:
    if not application.startswith(("s3://", "s3a://", "s3n://")):
        path = Path(application).expanduser()
        if not path.is_file():
            if application.startswith("--"):  # one that click does not know; a job may have its own
                option, known = application.partition("=")[0], [word for each in run.params for word in each.opts]
                raise click.NoSuchOption(option, possibilities=difflib.get_close_matches(option, known))
            raise click.BadParameter(f"{application!r} is no file", param_hint="APPLICATION")
        if not os.access(path, os.R_OK):
            raise click.BadParameter(f"{application!r} cannot be read", param_hint="APPLICATION")
    for pair in options["conf"]:
        if "=" not in pair:
            raise click.BadParameter(f"{pair!r}: it has the form key=value", param_hint="--conf")
    words = [word for pair in options["conf"] for word in ("--conf", pair)]
    words += ["--class", options["main_class"]] if options["main_class"] else []
    words += ["--deploy-mode", options["deploy_mode"]] if options["deploy_mode"] else []
    return Job(
        application=application, arguments=arguments, core=options["core"], task=options["task"],
        release_label=options["release_label"], submit=tuple(words),
        inputs=tuple(upload.parse_input(text) for text in options["inputs"]), instance_type=options["instance_type"],
        requirements=requirements.check(options["requirements"]))


def misplaced(application: str, arguments: Sequence[str]) -> str | None:
    """What to say to ``--input LOCAL=s3://…`` behind the application, which gets it, as with spark-submit."""
    found = re.findall(r"(?:^|(?<= ))--input[= ][^ ]+=s3://[^ ]*", " ".join(arguments))
    if not found:
        return None
    return (f"{' '.join(found)} stands behind {application} and is given to it; "
            f"to upload first, write it before: emrlite run {' '.join(found)} {application} …")


def _sources(job: Job, options: dict[str, Any]) -> dict[str, list[str]]:
    """The application and what goes with it, each a local path or already a URI."""
    found = {"": [job.application]}
    for name in ("py_files", "jars", "files"):
        found["--" + name.replace("_", "-")] = [part for text in options[name] for part in text.split(",")]
    for path in [path for paths in found.values() for path in paths if "://" not in path]:
        if not Path(path).is_file():
            raise click.BadParameter(f"{path!r} is no file")
    return found


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect signals; what they mean is decided where it is safe.  The second one ends everything at once."""
    received: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _endpoint(at: Settings, interrupted: list[int]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The running emulator of the home, or one that ends with us; with what makes an S3 client for it."""
    if found := home.running(at.home):
        from emrlite.cli.serve import health

        answer = health(found.url)
        if answer is None:
            raise EndpointError(f"process {found.pid} owns {at.home} but does not answer at {found.url}")
        if at.s3 not in ("local", answer["s3"]["kind"]):
            kind = answer["s3"]["kind"]
            raise EndpointError(f"the emulator at {found.url} has S3 {kind}, not {at.s3}; stop it first")
        access_key, secret_key = s3.DUMMY_KEYS
        access = S3Access(endpoint=found.url, region=at.region, access_key=access_key, secret_key=secret_key)
        yield found.url, partial(s3.client, access)
        return
    from emrlite.server import Emulator

    emulator = Emulator(at, tethered=True, say=lambda text: click.echo(text, err=True))
    try:
        with emulator:
            yield emulator.url, emulator.s3
    except KeyboardInterrupt:
        if len(interrupted) > 1:
            emulator.abandon()  # every process hangs on a tether, and goes when it is cut
            os._exit(130)
        raise


def _submit(
    at: Settings, emr_client: Any, s3_client: Any, job: Job, sources: dict[str, list[str]],
) -> tuple[str, str, float]:
    """Upload with the *s3_client*, and ask for the cluster with the *emr_client*."""
    prefix = f"s3://{WORK_BUCKET}/{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    places = {path: f"{prefix}/{Path(path).name}" for paths in sources.values() for path in paths if "://" not in path}
    log_bucket = LOG_BUCKET.format(region=at.region)
    upload.ensure_bucket(s3_client, log_bucket)
    upload.put(s3_client, [(Path(path), uri) for path, uri in places.items()])
    for given in job.inputs:
        count, size = upload.put(s3_client, upload.files(given))
        what = "1 file" if count == 1 else f"{count} files"
        click.echo(f"uploaded {given.local} to {given.uri}: {what}, {size / 2**20:.1f} MiB", err=True)
    installs = f"{prefix}/install-requirements.sh"
    bootstrap = requirements.bootstrap(s3_client, job.requirements, installs) if job.requirements else []
    words = list(job.submit)
    for option, paths in sources.items():
        if option and paths:
            words += [option, ",".join(places.get(path, path) for path in paths)]
    args = ["spark-submit", *words, places.get(job.application, job.application), *job.arguments]
    since = time.time()
    try:
        answer = emr_client.run_job_flow(
            Name=Path(job.application).name, ReleaseLabel=job.release_label, Applications=[{"Name": "Spark"}],
            LogUri=f"s3://{log_bucket}/elasticmapreduce/",
            ServiceRole="EMR_DefaultRole", JobFlowRole="EMR_EC2_DefaultRole",
            BootstrapActions=bootstrap,
            Instances={"InstanceGroups": _groups(job), "KeepJobFlowAliveWhenNoSteps": False},
            Steps=[{"Name": Path(job.application).name, "ActionOnFailure": "TERMINATE_CLUSTER",
                    "HadoopJarStep": {"Jar": "command-runner.jar", "Args": args}}])
    except ClientError as error:
        raise EmrliteError(f"the cluster was refused: {error.response['Error']['Message']}") from error
    cluster_id = answer["JobFlowId"]
    return cluster_id, output.store(at).record(cluster_id).spec.steps[0].id, since


def _groups(job: Job) -> list[dict[str, Any]]:
    counts = {"MASTER": 1, "CORE": job.core, "TASK": job.task}
    return [{"Name": role.title(), "InstanceRole": role, "InstanceType": job.instance_type, "InstanceCount": count}
            for role, count in counts.items() if count]


def _spared(at: Settings, job: Job) -> Sequence[str]:
    """What `run` itself puts into S3 is no result of the job."""
    own = (f"s3://{WORK_BUCKET}/", f"s3://{LOG_BUCKET.format(region=at.region)}/")
    return (*own, *(uri for given in job.inputs for _, uri in upload.files(given)))
