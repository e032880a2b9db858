"""What the processes of a node see of the file system, where the machine lets them have a view of their own.

``/mnt``, ``/home`` and ``/tmp`` are the node's.  In a *full* view so are ``/usr/lib/spark``, ``/etc/spark/conf``,
``/usr/bin/python3`` and every program of the node by its absolute name: an overlay brings the names, which lead to
`NODE`, and makes the machine's own ``/usr`` and ``/etc`` read-only on the way.  The home of emrlite, the user's
home and all that the engine consists of stay where they are, wherever that is.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emrlite.node.layout import Layout
from emrlite.node.namespace import ASIDE, BIND, HOST_ETC, HOST_USR, KEEP, LINK, NODE, OVERLAY, Action, encode

Level = Literal["none", "folders", "full"]

_NODES_OWN = ("mnt", "home", "tmp")
#: Whoever the user is: on a node this is the home of hadoop.
_GIVEN = ("/home/hadoop",)
#: Where programs stand, below ``/usr``.
_PROGRAMS, _LOCAL = ("bin", "sbin"), ("local/bin", "local/sbin")
#: Their directories as one names them.
_PUBLIC = ("/usr/bin", "/usr/local/bin", "/bin")
_PYTHON = re.compile(r"python3?(\.\d+)?")
#: New names in the machine's directories, and what of the node they are.
_NAMES = {
    "usr/lib/spark": "usr/lib/spark", "usr/share/aws": "usr/share/aws",
    "etc/hadoop/conf": "conf", "etc/spark/conf": "conf",
}  # fmt: skip
#: Files that are replaced while a daemon runs, which an overlay would not notice.
_LIVE = ("resolv.conf", "hosts")


@dataclass(frozen=True)
class Found:
    """What this machine allows: the kind of namespace (``""``: none), how much of a view, and why not more."""

    kind: str = ""
    level: Level = "none"
    why: str = ""


@dataclass(frozen=True)
class Kept:
    """Places of the machine that stay visible: *writable* ones everywhere, others where the node's hide them."""

    writable: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def actions(root: str, level: Level, kept: Kept, layers: Sequence[str]) -> list[Action]:
    """Work out what is mounted where, in this order; *layers* are the directories that get new names."""
    found: list[Action] = []
    if level == "full":
        aside = {HOST_USR: "/usr", HOST_ETC: "/etc"}
        found += [(ASIDE, folder, f"{root}/view{place}") for place, folder in aside.items()]
        found += [(OVERLAY, f"{root}/view{folder}", folder) for folder in layers]
        found += [(BIND, f"{root}/view{place}", place) for place in aside] + [(BIND, root, NODE)]
    found += [(BIND, f"{root}/{name}", f"/{name}") for name in _NODES_OWN]
    hidden = tuple(f"/{name}" for name in _NODES_OWN)
    read_only = tuple(layers) if level == "full" else ()
    links: dict[str, str] = {}
    places = set()
    for path, below in [*((path, (*hidden, *read_only)) for path in kept.writable),
                        *((path, hidden) for path in kept.others)]:
        passed, real = trail(path)
        links |= {link: to for link, to in passed.items() if _below(link, hidden)}
        if real not in _GIVEN and _below(real, below):
            places.add(real)
    outer = [place for place in sorted(places) if not _below(place, places - {place})]
    found += [(KEEP, place, place) for place in outer]
    return found + [(LINK, to, link) for link, to in sorted(links.items()) if not _below(link, outer)]


def _below(path: str, folders: Iterable[str]) -> bool:
    return any(path.startswith(f"{folder}/") for folder in folders)


def trail(path: str) -> tuple[dict[str, str], str]:
    """Follow *path*: the symbolic links on the way, with what they say, and where it ends."""
    links: dict[str, str] = {}
    at, rest = "/", [part for part in path.split("/") if part]
    while rest:
        step = os.path.normpath(os.path.join(at, rest.pop(0)))
        if step in links or not os.path.islink(step):
            at = step
            continue
        links[step] = os.readlink(step)
        target = os.path.normpath(os.path.join(os.path.dirname(step), links[step]))
        at, rest = "/", [*(part for part in target.split("/") if part), *rest]
    return links, at


def layers() -> tuple[str, ...]:
    """Directories of this machine that get new names; ``/bin`` is mostly a link to ``/usr/bin``."""
    return ("/usr", "/etc", *(name for name in ("/bin", "/sbin") if not os.path.islink(name)))


def lay_out(root: Path, programs: Iterable[str], guards: Iterable[str], found: Found, kept: Kept) -> None:
    """Write the view of the node at *root*: new names, and its plan; safe to repeat."""
    plan = Layout(root).view
    if found.level == "none":
        plan.unlink(missing_ok=True)  # of an emulator that died over this node, and was set up otherwise
        return
    plan.parent.mkdir(parents=True, exist_ok=True)
    if found.level == "full":
        _write_names(plan.parent, set(programs), set(guards))
    for name in _NODES_OWN:
        (root / name).mkdir(parents=True, exist_ok=True)
    plan.write_text(encode(found.kind, actions(str(root), found.level, kept, layers())))


def _write_names(view: Path, programs: set[str], guards: set[str]) -> None:
    links = {f"usr/{folder}/{name}": f"{NODE}/bin/{name}"
             for folder, names in (("bin", programs), ("sbin", guards)) for name in names}
    links |= {f"usr/{folder}/{name}": f"{NODE}/bin/{name}"
              for folder in _LOCAL for name in programs if os.path.lexists(f"/usr/{folder}/{name}")}
    links |= {name: f"{NODE}/{of_node}" for name, of_node in _NAMES.items()}
    links |= {f"etc/{name}": f"{HOST_ETC}/{name}" for name in _LIVE if _is_file(f"/etc/{name}")}
    for folder in layers():
        (view / folder[1:]).mkdir(parents=True, exist_ok=True)
        if folder in ("/bin", "/sbin"):
            names = programs if folder == "/bin" else guards
            links |= {f"{folder[1:]}/{name}": f"{NODE}/bin/{name}" for name in names}
    for place in (HOST_USR, HOST_ETC, NODE):
        (view / place[1:]).mkdir(parents=True, exist_ok=True)
    for name, target in links.items():
        _replace(view / name).symlink_to(target)
    for name in _pythons():
        path = _replace(view / name)
        path.write_text(_of_machine(f"/{name}"))
        path.chmod(0o755)


def _is_file(path: str) -> bool:
    return os.path.isfile(path) and not os.path.islink(path)


def _replace(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    return path


def _pythons() -> list[str]:
    """The machine's own interpreters, by their names."""
    return [f"usr/{folder}/{name}" for folder in ("bin", "local/bin") if os.path.isdir(f"/usr/{folder}")
            for name in sorted(os.listdir(f"/usr/{folder}")) if _PYTHON.fullmatch(name)]


def _of_machine(path: str) -> str:
    """What stands at the *path* of an interpreter of this machine.

    By its own name it is the node's, and nothing where the node has no such version.  But environments are links to it
    (the cluster's own Python is often one): by such a link it is what it was, told so by the name it is called by.
    """
    return (
        "#!/bin/bash\n"
        f'case "$0" in {"|".join(f"{folder}/python*" for folder in _PUBLIC)}) '
        f'exec {NODE}/bin/{os.path.basename(path)} "$@" ;; esac\n'
        f'exec -a "$0" {_hosts(path)} "$@"\n'
    )


def _hosts(path: str) -> str:
    return HOST_USR + path.removeprefix("/usr")


def become(python: str, words: str) -> list[str]:
    """Lines of shell by which a program of the node becomes *python*; see `_of_machine`."""
    plain = f'exec {shlex.quote(python)} {words} "$@"'
    if os.path.dirname(python) not in _PUBLIC or not _PYTHON.fullmatch(os.path.basename(python)):
        return [plain]
    there = _hosts(python if python.startswith("/usr/") else f"/usr{python}")
    return [f"""[ -e {there} ] && exec /bin/bash -c 'exec -a "$0" {there} "$@"' {python} {words} "$@\"""", plain]
