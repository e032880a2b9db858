"""``start``, ``stop``, ``status``, ``env``: the emulator as a server."""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from types import FrameType
from typing import Any

import click
import psutil

from emrlite import home
from emrlite.cli import links, output
from emrlite.errors import EndpointError, NotRunning
from emrlite.settings import Settings

START_SECONDS, STOP_SECONDS = 900.0, 120.0  # the first start may have to set up the engine


@click.command()
@click.option("--port", type=int, help="Port of the endpoint (4566); 0 takes any free one.")
@click.option("--host", help="Address to listen on (127.0.0.1).")
@click.option("--home", help="Where everything lives (~/.emrlite).")
@click.option("--s3", help="`local` (buckets are folders), `moto` (in memory) or the URL of an S3 endpoint.")
@click.option("--region", help="Region given to steps and `emrlite env` (us-east-1).")
@click.option("--releases", type=click.Choice(["lenient", "strict"]), help="`strict` refuses other Sparks.")
@click.option("--timing", type=click.Choice(["instant", "fast"]), help="`instant` runs nothing: control plane only.")
@click.option("--addresses", type=click.Choice(["auto", "many", "single"]), help="How nodes get addresses.")
@click.option("--memory", type=int, help="MiB that all clusters together may count on.")
@click.option("--ahead", type=click.Choice(["all", "steps", "nothing"]),
              help="What is started before anybody asks: JVMs for `steps`, with `all` a cluster too.")
@click.option("--hold", type=float, help="Seconds for which a finished cluster stays TERMINATING.")
@click.option("--allow-hosts", help="Further Host names that are answered, separated by commas.")
@click.option("--allow-origins", help="Web origins that may call, separated by commas.")
@click.option("--allow-pretend", is_flag=True, default=None, help="Let moto pretend to run jobs (Glue, Serverless …).")
@click.option("-d", "--detach", is_flag=True, help="Go to the background once it answers.")
@click.pass_context
def start(context: click.Context, /, detach: bool, **flags: Any) -> None:
    """Start the emulator; its clusters outlive a crash, and end with `emrlite stop` or Ctrl-C."""
    flags["home"] = flags["home"] or context.obj["home"]
    at = output.settings(context, **flags)
    if detach:
        _detach(at, sys.argv[1:])
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    stopped = threading.Event()

    def stop_on(_number: int, _frame: FrameType | None) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_on)
    from emrlite.server import Emulator

    with Emulator(at, tethered=False, say=_say) as emulator:
        _say(f"emrlite answers at {emulator.url} (home {at.home}, S3 {at.s3}); Ctrl-C ends it and its clusters")
        while not stopped.wait(1.0):
            pass
        _say("ending clusters; Ctrl-C again leaves them to the next `emrlite start`")


def _say(text: str) -> None:
    click.echo(text, err=True)


def _detach(at: Settings, arguments: list[str]) -> None:
    """Start this command again without ``-d``, and wait until it answers."""
    if other := home.running(at.home):
        raise EndpointError(f"an emulator runs already: process {other.pid} at {other.url}")
    at.home.mkdir(parents=True, exist_ok=True)
    log = at.home / "emulator.log"
    kept = [word for word in arguments if word not in ("-d", "--detach")]
    with log.open("a") as out:
        begin = out.tell()
        child = subprocess.Popen([sys.executable, "-m", "emrlite", *kept], stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=subprocess.STDOUT, start_new_session=True)
    started, pause, shown = time.monotonic(), threading.Event(), begin
    while (waited := time.monotonic() - started) < START_SECONDS:
        if (found := home.running(at.home)) and health(found.url):
            click.echo(f"emrlite answers at {found.url} (process {found.pid}, log {log})")
            return
        if child.poll() is not None:
            raise EndpointError(f"the emulator did not start: {_last_words(log, begin)}")
        if waited > 2:  # it sets up the engine first: say how far it is
            shown = _copy(log, shown)
        pause.wait(0.05)
    child.terminate()
    raise EndpointError(f"the emulator did not answer within {START_SECONDS:.0f} s; see {log}")


def _copy(log: Path, begin: int) -> int:
    with log.open() as file:
        file.seek(begin)
        click.echo(file.read(), err=True, nl=False)
        return file.tell()


def _last_words(log: Path, begin: int) -> str:
    with log.open() as file:
        file.seek(begin)
        lines = [line.strip() for line in file if line.strip()]
    return lines[-1].removeprefix("emrlite: ") if lines else f"see {log}"


def health(url: str) -> dict[str, Any] | None:
    """Return what the emulator at *url* says of itself, or ``None``."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/_emrlite/health", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except (OSError, ValueError):
        return None


@click.command()
@click.option("--home", help="The home whose emulator is meant (~/.emrlite).")
@click.pass_context
def stop(context: click.Context, /, home: str | None) -> None:
    """Stop the emulator and end its clusters; local buckets stay."""
    found = _running(context, home)
    process = psutil.Process(found.pid)
    process.terminate()
    click.echo(f"stopping process {found.pid} and its clusters", err=True)
    deadline = time.monotonic() + STOP_SECONDS
    while _runs(process):
        if time.monotonic() > deadline:
            raise EndpointError(f"process {found.pid} did not end within {STOP_SECONDS:.0f} s")
        time.sleep(0.05)
    click.echo("stopped")


def _runs(process: psutil.Process) -> bool:
    """Whether it has not ended; whoever started it may be in no hurry to bury it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@click.command()
@click.option("--home", help="The home whose emulator is meant (~/.emrlite).")
@output.json_option
@click.pass_context
def status(context: click.Context, /, home: str | None, as_json: bool) -> None:
    """Say whether the emulator runs and where, and which pages of its clusters there are to look at."""
    found = _running(context, home)
    answer = health(found.url)
    if answer is None:
        raise NotRunning(f"process {found.pid} owns the home but does not answer at {found.url}")
    at = output.settings(context, home=home or context.obj["home"])
    live = {record.spec.id: (record, links.of(at, record)) for record in output.store(at).live()}
    if as_json:
        output.as_json({**answer, "pages": {cluster: pages for cluster, (_, pages) in live.items()}})
        return
    click.echo(f"running    process {answer['pid']} at {answer['url']}, version {answer['version']}")
    click.echo(f"home       {answer['home']}")
    click.echo(f"S3         {answer['s3']['kind']} at {answer['s3']['url']}")
    click.echo(f"Spark      {answer['spark']}")
    click.echo(f"clusters   {answer['clusters']} live")
    if answer.get("standby"):
        click.echo("           one more stands by, like the last, for the next that is asked for")
    for cluster, (record, pages) in live.items():
        click.echo(f"{cluster}  {output.state(record.status.state)}  {record.spec.name}")
        links.show(pages)


@click.command()
@click.option("--unset", is_flag=True, help="Print the commands that undo it.")
@click.pass_context
def env(context: click.Context, /, unset: bool) -> None:
    """Print shell commands that point AWS clients here: eval "$(emrlite env)"."""
    at = output.settings(context)
    found = home.running(at.home)
    url = found.url if found else f"http://{at.host}:{at.port}"
    values = {
        "AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": at.region, "AWS_REGION": at.region,
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
    }
    for name, value in values.items():
        click.echo(f"unset {name}" if unset else f"export {name}={shlex.quote(value)}")
    # A profile or a session token of the real AWS would take precedence over the keys above.
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_EMR", "AWS_ENDPOINT_URL_S3"):
        if not unset and name in os.environ:
            click.echo(f"unset {name}")
    _show_aws(at.home / "tools/bin", unset=unset)
    if not found and not unset:
        click.echo(f"# no emulator runs for {at.home} yet: emrlite start -d", err=True)


def _show_aws(programs: Path, *, unset: bool) -> None:
    """Let the shell find set-up's aws CLI, behind everything that it finds without it."""
    at_end = f":{programs}"
    if unset and os.environ.get("PATH", "").endswith(at_end):
        click.echo(f"export PATH={shlex.quote(os.environ['PATH'].removesuffix(at_end))}")
    elif not unset and shutil.which("aws") is None and (programs / "aws").exists():
        click.echo(f'export PATH="$PATH":{shlex.quote(str(programs))}')


def _running(context: click.Context, given: str | None) -> home.Running:
    at = output.settings(context, home=given or context.obj["home"])
    found = home.running(at.home)
    if found is None:
        raise NotRunning(f"no emulator runs for {at.home}; start one with `emrlite start -d`")
    return found
