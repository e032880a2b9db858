"""Whether this machine lets a node have a view of its own, tried once; and what stays visible in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from emrlite.node import namespace, view
from emrlite.node.engines import Engine
from emrlite.node.layout import Layout
from emrlite.node.namespace import MOUNT, USER
from emrlite.node.steps import OF_MACHINE
from emrlite.node.view import Found, Kept, Level

_SECONDS = 20
_NAME = "emrlite-probe"
_TRY: dict[Level, str] = {
    "folders": f"test -d /mnt/{_NAME}",
    "full": f"test -d /mnt/{_NAME} && test -x /usr/bin/{_NAME} && test -d {namespace.HOST_USR}/lib",
}
_WITHOUT = "nodes see the machine's own /mnt, /home and /tmp, and scripts that name its programs by path are refused"


def find(home: Path, setting: Literal["auto", "off"]) -> Found:
    """Try what there is, the most first; leaves nothing behind.  Takes 20 ms where the first is allowed."""
    if setting == "off":
        return Found(why="the setting `namespace` is `off`")
    if not sys.platform.startswith("linux"):
        return Found(why=f"{sys.platform} has no mount namespaces")
    tried: dict[str, str] = {}
    for kind, level in candidates(os.geteuid(), bash=os.access("/bin/bash", os.X_OK)):
        folder = Path(tempfile.mkdtemp(prefix=f"{_NAME}-", dir=home if home.is_dir() else None))
        try:
            if (said := _refused(folder, home, kind, level)) is None:
                return Found(kind, level, "; ".join(tried.values()))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        tried[said] = said
    return Found(why="; ".join(tried))


def candidates(user: int, *, bash: bool) -> list[tuple[str, Level]]:
    """What to try, the most first.  A full view needs bash, for the machine's own Pythons."""
    kinds = (MOUNT, USER) if user == 0 else (USER,)
    levels: tuple[Level, ...] = ("full", "folders") if bash else ("folders",)
    return [(kind, level) for level in levels for kind in kinds]


def _refused(folder: Path, home: Path, kind: str, level: Level) -> str | None:
    """Why a node at *folder* cannot have such a view, or ``None``."""
    (folder / "mnt" / _NAME).mkdir(parents=True)
    (folder / "bin").mkdir()
    program = folder / "bin" / _NAME
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    here = Kept(writable=(str(home),), others=tuple(_of_python()))
    view.lay_out(folder, [_NAME], [], Found(kind, level), here)
    command = [sys.executable, "-I", "-S", namespace.__file__, str(Layout(folder).view)]
    try:
        done = subprocess.run([*command, "/bin/sh", "-c", _TRY[level]], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=_SECONDS, cwd="/")  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    said = done.stderr.strip().rpartition("\n")[2].removeprefix("emrlite: ")
    return None if done.returncode == 0 else said or f"a {kind} namespace does not show what was mounted"


def kept(home: Path, engine: Engine, environ: Mapping[str, str]) -> Kept:
    """What stays visible on every node, wherever it lies: the homes, and all that programs of a node consist of."""
    links = [str(entry) for entry in home.iterdir() if entry.is_symlink()]
    named = (environ.get(name, "") for name in OF_MACHINE)
    others = {*_of_python(), *_of_engine(engine), *links, *(word for word in named if word.startswith("/"))}
    return Kept(writable=(str(home), str(Path.home())),
                others=tuple(sorted(path for path in others if os.path.exists(path))))


def _of_python() -> list[str]:
    """Where the running Python has its modules, and itself."""
    own = (sys.prefix, sys.base_prefix, os.path.dirname(sys.executable),
           os.path.dirname(os.path.realpath(sys.executable)), str(Path(__file__).parents[2]))
    return [path for path in (*own, *sys.path) if os.path.isabs(path)]


def _of_engine(engine: Engine) -> Iterable[str]:
    """The engine's places, and where the links in its home and in Java's lead."""
    own = (engine.home.parent, engine.java_home, engine.python.parent, engine.tools.parent, engine.archive)
    found = {str(path) for path in own if path}
    for top in (engine.home, engine.java_home):
        for folder, directories, files in os.walk(top):
            for name in (*directories, *files):
                path = os.path.join(folder, name)
                if os.path.islink(path):
                    found.add(os.path.dirname(os.path.join(folder, os.readlink(path))))
    return found


def describe(found: Found) -> str:
    """One sentence for whoever asks what a node is here."""
    how = {MOUNT: "a mount namespace", USER: "a mount namespace of the user's own"}.get(found.kind)
    if found.level == "full":
        return f"each node its own /mnt, /home, /tmp and programs by any path ({how})"
    if found.level == "folders":
        return f"each node its own /mnt, /home and /tmp ({how}), but not /usr and /etc: {found.why}"
    return f"{_WITHOUT}: {found.why}"
