"""The command line.  Each command is imported when it is called: most start in a tenth of a second."""

from __future__ import annotations

import atexit
import faulthandler
import gc
import importlib
import sys

import click

from emrlite import __version__
from emrlite.errors import EmrliteError

#: Command -> module of this package that has it, in the order of `emrlite --help`.
COMMANDS = {
    "run": "run",
    "start": "serve", "stop": "serve", "status": "serve", "env": "serve",
    "clusters": "look", "steps": "look", "events": "look", "explain": "explain", "logs": "logs",
    "history": "history",
    "exec": "exec",
    "prefetch": "prefetch",
    "setup": "install", "doctor": "install", "clean": "install", "uninstall": "install",
}


class Lazy(click.Group):
    """A group that imports a command only when it is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"emrlite.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="emrlite")
@click.option("--home", help="Where engines, clusters, logs and local buckets live (~/.emrlite).")
@click.pass_context
def group(context: click.Context, home: str | None) -> None:
    """Amazon EMR on one machine: real Spark, real HDFS, real S3 semantics; no account, no network."""
    context.obj = {"home": home}


#: New objects until Python looks for cycles among them, instead of 700: what botocore and the services read as they
#: start makes hundreds of thousands that stay, and a tenth of a command's processor time went into looking.
_COLLECT_AFTER = 100_000


def main() -> None:
    """Run a command; what emrlite raises on purpose is one sentence and exit code 1."""
    gc.set_threshold(_COLLECT_AFTER)
    atexit.register(gc.freeze)  # the interpreter looks for cycles as it ends, a tenth of a second, in what goes anyway
    if sys.stderr is not None:
        faulthandler.enable()  # a crash in native code says where
    try:
        group(prog_name="emrlite")
    except EmrliteError as error:
        click.echo(f"emrlite: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:  # `emrlite events … | head`
        sys.stderr.close()
        sys.exit(141)
