"""Fetches Java packages ahead, with all that they need, for `emrlite.node.maven` to find."""

from __future__ import annotations

import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emrlite.errors import SetupError, Unreachable, WrongContent
from emrlite.node import repository
from emrlite.node.maven import record

COORDINATE = re.compile(r"[\w.-]+:[\w.-]+:[\w.-]+")

#: A word for `prefetch` -> the coordinate, for each line of Spark (EMR release emr-spark-8.1.0 has these versions).
FORMATS = {
    "4.1": {
        "iceberg": "org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.11.0",
        "delta": "io.delta:delta-spark_4.1_2.13:4.2.0",
    }
}
#: Group and beginning of an artifact -> its name below ``/usr/share/aws/``.
_ON_EMR = (
    ("org.apache.iceberg", "iceberg-spark-runtime", "iceberg/lib/iceberg-spark3-runtime.jar"),
    ("io.delta", "delta-spark", "delta/lib/delta-spark.jar"),
    ("io.delta", "delta-storage", "delta/lib/delta-storage.jar"),
    ("io.delta", "delta-", "delta/lib/{name}"),
)
#: What a cluster has anyway; Spark's own resolver leaves these out too.
_THERE = re.compile(r"org\.apache\.spark:|[^:]+:scala-library:")
_KEPT_SCOPES = (None, "", "compile", "runtime")


@dataclass(frozen=True)
class Artifact:
    """One jar: its coordinate and where it lies."""

    coordinate: str
    path: Path


def coordinate(word: str, spark: str) -> str:
    """The coordinate that *word* names; raises `SetupError`."""
    known = FORMATS.get(spark.rpartition(".")[0], {})
    if word in known:
        return known[word]
    if not COORDINATE.fullmatch(word):
        names = f", or {' or '.join(known)}" if known else ""
        raise SetupError(f"{word!r} is no package: it has the form GROUP:ARTIFACT:VERSION{names}")
    return word


def keep(packages: Path, name: str, artifacts: Sequence[Artifact]) -> list[Path]:
    """Take the jars of the coordinate *name* in, each by rename, and write the record.  Raises `WrongContent`."""
    (packages / "jars").mkdir(parents=True, exist_ok=True)
    kept = []
    for artifact in artifacts:
        group, what, version = artifact.coordinate.split(":")
        try:
            with zipfile.ZipFile(artifact.path) as archive:
                broken = archive.testzip()
        except (zipfile.BadZipFile, OSError) as error:
            raise WrongContent(f"{artifact.coordinate} arrived broken and was not used: {error}") from error
        if broken:
            raise WrongContent(f"{artifact.coordinate} arrived broken and was not used: {broken} in it cannot be read")
        target = packages / "jars" / f"{group}_{what}-{version}.jar"
        new = target.with_suffix(".new")
        shutil.copy2(artifact.path, new)
        new.replace(target)
        kept.append(target)
        _put_on_emrs_path(packages, group, what, target)
    written = record(packages, name)
    new = written.with_suffix(".new")
    new.write_text(json.dumps([path.name for path in kept]))
    new.replace(written)
    return kept


def _put_on_emrs_path(packages: Path, group: str, what: str, jar: Path) -> None:
    for of, begins, there in _ON_EMR:
        if group == of and what.startswith(begins):
            link = packages / "aws" / there.format(name=f"{what}.jar")
            link.parent.mkdir(parents=True, exist_ok=True)
            new = link.with_suffix(".new")
            new.unlink(missing_ok=True)
            new.symlink_to(os.path.relpath(jar, link.parent))  # a home can be moved
            new.replace(link)
            return


def fetch(name: str, scratch: Path, say: Callable[[str], None], maven: str = "") -> list[Artifact]:
    """Fetch the coordinate *name* and all that it needs from the repository *maven* into the folder *scratch*."""
    # Imported here: half a second that only fetching has to pay.
    import requests

    context = repository.context(maven, scratch)
    try:
        asked, needed = context.resolver.resolve([context.create_dependency(name)])
        wanted = [*asked, *(each for each in needed if each.scope in _KEPT_SCOPES)]
        found = []
        for each in wanted:
            full = f"{each.groupId}:{each.artifactId}:{each.version}"
            if _THERE.match(full):
                continue
            say(f"  {full}")
            found.append(Artifact(full, Path(each.artifact.resolve())))
        return found
    except (requests.RequestException, RuntimeError, OSError, ValueError) as error:
        first = (str(error).splitlines() or ["no message"])[0][:200]
        raise Unreachable(
            f"{name} could not be fetched: {type(error).__name__}: {first}. Check its spelling and the network "
            "(and `https_proxy`), then run `emrlite prefetch` again"
        ) from error
