"""What a cluster's HDFS begins with: the formatted directory of a NameNode, with what EMR has in a fresh HDFS.

Formatting takes a JVM seconds and gives the same result each time, so `emrlite.node.train` has had it done once
(``java_classes/FreshHdfs.java``), for each version of Hadoop, and ``conf/fresh-hdfs-<hadoop>.zip`` holds what came of
it; ``hdfs oiv -p XML -i fsimage_…`` shows what is in there.
"""

from __future__ import annotations

import secrets
import shutil
import zipfile
from pathlib import Path

from emrlite.node.lockfile import conf

DIRECTORIES = ("/tmp", "/user/hadoop", "/user/spark/warehouse", "/var/log/spark/apps")


def file_name(hadoop: str) -> str:
    """The file of ``conf`` that holds the directory."""
    return f"fresh-hdfs-{hadoop}.zip"


def unpack(hadoop: str, to: Path) -> None:
    """Give a NameNode the directory *to*.  Its ids are new, so that a DataNode of another cluster is refused."""
    if (to / "current").is_dir():
        return
    unfinished = to.with_name(f"{to.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    with zipfile.ZipFile(conf(file_name(hadoop))) as file:
        file.extractall(unfinished)
    version = unfinished / "current" / "VERSION"
    number = secrets.randbelow(2**40)
    ids = {"clusterID": f"CID-{secrets.token_hex(8)}", "blockpoolID": f"BP-{number}-127.0.0.1-{number}"}
    lines = (line.partition("=") for line in version.read_text().splitlines())
    version.write_text("".join(f"{key}{mark}{ids.get(key, value)}\n" for key, mark, value in lines))
    unfinished.rename(to)


def pack(formatted: Path, target: Path) -> None:
    """Write the directory *formatted* of a NameNode into the archive *target*."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(formatted.glob("current/*")):
            file.write(path, path.relative_to(formatted))
