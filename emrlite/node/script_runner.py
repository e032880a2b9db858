"""``script-runner.jar``: fetch a script, look at it, become it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from emrlite.errors import EmrliteError
from emrlite.node import places
from emrlite.node.fetch import fetch
from emrlite.node.layout import NODE_VARIABLE, NodeInfo
from emrlite.node.safety import forbidden

#: How standard error begins where there was no script to run.
_NO_SCRIPT = "script-runner: no script: "
#: Buckets of AWS's own, out of reach here: ``s3://elasticmapreduce/…``, ``s3://<region>.elasticmapreduce/…``.
_OF_AWS = ("s3://elasticmapreduce/", ".elasticmapreduce/")


def main(args: Sequence[str]) -> NoReturn:
    """Run ``SCRIPT [ARGUMENT …]``; SCRIPT lies on ``s3://``, ``hdfs://`` or on the node."""
    info = NodeInfo.read(Path(os.environ[NODE_VARIABLE]))
    if not args:
        sys.exit("script-runner: no script was given")
    if any(part in args[0] for part in _OF_AWS):
        _become(_run_if(args, info))
    source = places.resolve(args[0], info)
    folder = Path(tempfile.mkdtemp(prefix="script-", dir=info.layout.tmp))
    try:
        script = fetch(source, folder / (Path(source).name or "script"), info)
        # Bytes that are no text are no script; looking at those that are is what counts.
        text = script.read_bytes().decode(errors="replace")
    except (EmrliteError, OSError) as error:
        sys.exit(f"{_NO_SCRIPT}{error}")
    if info.view != "full" and (reason := forbidden(text)):
        sys.exit(f"emrlite: {args[0]} was not run: {reason}")
    if script.parent == folder:
        script.chmod(0o755)
    _become([*interpreter(text, info.layout.bin), str(script.absolute()), *args[1:]])


def no_script(stderr: Path) -> str | None:
    """Why there was no script to run, as its standard error says; None where one ran."""
    with stderr.open("rb") as file:
        first = file.readline().decode(errors="replace")
    return first.removeprefix(_NO_SCRIPT).strip() if first.startswith(_NO_SCRIPT) else None


def interpreter(text: str, programs: Path) -> list[str]:
    """What runs the script *text*: the node's own program where its first line names one (``/usr/bin/python3``)."""
    if text.startswith("\x7fELF"):
        return []
    first = text.partition("\n")[0]
    words = first.removeprefix("#!").split() if first.startswith("#!") else ["/bin/bash"]
    if Path(words[0]).name == "env" and len(words) > 1:
        words = words[1:]
    own = programs / Path(words[0]).name
    return [str(own) if own.exists() else words[0], *words[1:]]


def _become(argv: Sequence[str]) -> NoReturn:
    sys.stderr.flush()
    try:
        os.execvp(argv[0], list(argv))
    except OSError as error:
        sys.exit(f'Cannot run program "{argv[0]}": {error.strerror}')


def _run_if(args: Sequence[str], info: NodeInfo) -> list[str]:
    """``run-if instance.isMaster=true COMMAND``, the one script of AWS's own bucket that people use."""
    if not args[0].endswith("/run-if") or len(args) < 3:
        sys.exit(f"{_NO_SCRIPT}{args[0]} lies in a bucket of AWS's own, which is not here")
    name, _, value = args[1].partition("=")
    if name != "instance.isMaster":
        sys.exit(f"run-if: only instance.isMaster can be asked here, not {args[1]}")
    if (value == "true") is not (info.role == "MASTER"):
        sys.exit(0)
    return list(args[2:])
