"""Which spares a cluster has had, and whether one waits: by what is recorded of its nodes' processes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from emrlite.cluster.model import ClusterSpec, NodeSpec
from emrlite.node import spare
from emrlite.node.driver import SPARE_KINDS, SpareKind
from emrlite.node.handover import PREFIX
from emrlite.node.layout import Layout
from emrlite.node.process import Seen


class Spares:
    """The spares of the cluster in *root*; *known* names all processes of a node, those that have ended too."""

    def __init__(self, root: Path, known: Callable[[str], Iterable[str]]) -> None:
        self._root, self._known = root, known

    def following(self, spec: ClusterSpec, kind: SpareKind) -> Path:
        """Return the directory of the next spare."""
        return self._directory(spec, kind, 1)

    def wait(self, spec: ClusterSpec, kind: SpareKind, seen: Mapping[str, Seen]) -> bool:
        """Tell whether the last spare still waits, or has failed: then no other would do better.

        Nor does one help when one has waited in vain and no step has come since.  While the last is at work, a
        notebook's executor perhaps, another would practise beside it.  *seen* is what is seen of the spare's node.
        """
        directory = self._directory(spec, kind)
        last = seen.get(directory.name)
        return last is not None and (last.ended is None or not (directory / "taken").exists())

    def forget_ended(self, spec: ClusterSpec) -> None:
        """Count spares that ended before anybody came as taken: after the next step there are to be new ones."""
        for kind in SPARE_KINDS:
            forget(self._directory(spec, kind))

    def remove(self, node: NodeSpec) -> None:
        """What they kept; how they ended stays on record."""
        for directory in Layout(self._root / node.name).processes.glob(f"{PREFIX}*/"):
            shutil.rmtree(directory, ignore_errors=True)

    def _directory(self, spec: ClusterSpec, kind: SpareKind, more: int = 0) -> Path:
        node, stem = spare.node(spec, kind).name, f"{PREFIX}{kind}-"
        number = sum(name.startswith(stem) for name in self._known(node)) + more
        return Layout(self._root / node).processes / f"{stem}{number}"


def forget(directory: Path) -> None:
    """Count a spare that has ended as taken, unless it never was ready: no other would do better then."""
    with suppress(FileNotFoundError):
        (directory / "retired").rename(directory / "taken")
    if directory.with_name(f"{directory.name}.exit").exists():
        with suppress(FileNotFoundError):
            (directory / "port").rename(directory / "taken")
