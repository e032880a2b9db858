"""What a driver finds in its working directory: in cluster mode the files and unpacked archives of its submission,

in client mode only an archive that has the driver's own Python.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path
from urllib.parse import unquote, urlsplit

from emrlite.errors import StorageError
from emrlite.node.fetch import fetch
from emrlite.node.layout import NodeInfo
from emrlite.node.submit import Submission
from emrlite.node.submit_arguments import Arguments

#: Properties whose values are lists of places.
_LISTS = ("spark.files", "spark.archives", "spark.jars", "spark.submit.pyFiles")


def localize(submission: Submission, arguments: Arguments, work: Path, node: NodeInfo) -> list[str]:
    """Fill *work*, and return the command line with every relative path made absolute."""
    for item in submission.files:
        path, name = _place(item, work, node)
        _copy(path, work / name)
    for item in submission.archives:
        path, name = _place(item, work, node)
        _unpack(path, work / name)
    changed = {
        f"{key}={submission.extra[key]}": f"{key}={','.join(map(_absolute, submission.extra[key].split(',')))}"
        for key in _LISTS
        if key in submission.extra
    }
    argv = [changed.get(word, word) for word in submission.argv]
    if (application := arguments.application) and application in argv:
        place = len(argv) - 1 - len(arguments.application_args)
        argv[place] = _absolute(argv[place])
    return argv


def own_python(submission: Submission, python: str, work: Path, node: NodeInfo) -> str | None:
    """Unpack into *work* the archive that a client-mode driver's *python* lies in; say so if that was done.

    YARN unpacks archives for containers only, so on EMR such a driver is not found.
    """
    folder = python.removeprefix("./").partition("/")
    if python.startswith("/") or not folder[1] or (work / folder[0]).exists():
        return None
    for item in submission.archives:
        source, _, alias = item.partition("#")
        if (alias or Path(urlsplit(source).path).name) == folder[0]:
            path, name = _place(item, work, node)
            _unpack(path, work / name)
            return (
                f"the driver's Python {python} was unpacked here from {source}; on EMR a driver in client mode does "
                "not find it: set PYSPARK_DRIVER_PYTHON=python3 there, or use --deploy-mode cluster"
            )
    return None


def _absolute(place: str) -> str:
    if urlsplit(place).scheme or not place or place.startswith("/") or not os.path.exists(place.partition("#")[0]):
        return place
    return os.path.abspath(place)


def _place(item: str, work: Path, node: NodeInfo) -> tuple[Path, str]:
    """Bring *item*, ``place#name``, to this machine; the name is the part behind ``#``, else the file's own."""
    source, _, alias = item.partition("#")
    base = Path(unquote(urlsplit(source).path) if urlsplit(source).scheme else source).name
    if "*" in base:
        raise StorageError(f"{item}: in cluster mode each file is named by itself, without *")
    name = alias or base
    if Path(name).name != name:
        raise StorageError(f"{item}: {name!r} is no name of a file in the working directory")
    return fetch(source, work.parent / "fetched" / base, node), name


def _copy(path: Path, target: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, target)
    else:
        shutil.copy2(path, target)


def _unpack(path: Path, target: Path) -> None:
    """Unpack *path* into the directory *target*, whatever its name ends with; what is no archive is an error."""
    if path.is_dir():
        shutil.copytree(path, target, symlinks=True)
        return
    kinds = {
        "zip": ("zip", "jar"),
        "gztar": ("tar.gz", "tgz"),
        "tar": ("tar",),
        "bztar": ("tar.bz2",),
        "xztar": ("tar.xz",),
    }
    kind = next((kind for kind, ends in kinds.items() if path.name.endswith(tuple(f".{end}" for end in ends))), None)
    if kind is None:
        raise StorageError(
            f"{path.name} cannot be unpacked: only {', '.join(end for ends in kinds.values() for end in ends)}"
        )
    try:
        if kind == "zip":
            _unzip(path, target)
        else:
            with tarfile.open(path) as archive:
                # Newer Pythons refuse absolute links by default; the Python of a virtual environment is one.
                archive.extraction_filter = getattr(tarfile, "tar_filter", None)
                archive.extractall(target)  # noqa: S202  as Hadoop does with it, filtered above
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
        raise StorageError(f"{path.name} cannot be unpacked: {error}") from error


def _unzip(path: Path, target: Path) -> None:
    """Unpack with the modes that the archive has: a Python in it must be one that runs."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            written = archive.extract(entry, target)
            if mode := entry.external_attr >> 16 & 0o777:
                os.chmod(written, mode | 0o200)
