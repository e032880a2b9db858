"""What every cluster's HDFS begins with is what Hadoop itself makes."""

from __future__ import annotations

import re
from pathlib import Path

from emrlite.node import engines, fresh_hdfs, own_classes, train
from emrlite.node.engines import Engine
from emrlite.settings import Settings

VIEWER = "org.apache.hadoop.hdfs.tools.offlineImageViewer.OfflineImageViewerPB"


def test_the_hdfs_that_is_kept_is_the_one_that_hadoop_formats(tmp_path: Path) -> None:
    engine = engines.ensure(Settings.load(), print)
    fresh_hdfs.unpack(engine.hadoop, tmp_path / "kept")
    train.format_hdfs(engine, tmp_path / "formatted")
    kept, formatted = (read(engine, tmp_path / name) for name in ("kept", "formatted"))
    assert kept == formatted
    assert {name for name, _ in kept} >= {"tmp", "user", "hadoop", "spark", "warehouse", "var", "log", "apps"}
    assert version(tmp_path / "kept") == version(tmp_path / "formatted")


def read(engine: Engine, directory: Path) -> list[tuple[str, str]]:
    """Name and permission of every entry in the newest image of a NameNode's *directory*."""
    image = max(path for path in directory.glob("current/fsimage_*") if not path.suffix)
    text = directory / "image.xml"
    jars = sorted((engine.home / "jars").glob("*.jar"))
    own_classes.run(engine.java_home, jars, VIEWER, "-p", "XML", "-i", str(image), "-o", str(text))
    found = re.findall(r"<inode>.*?<name>(.*?)</name>.*?<permission>(.*?)</permission>", text.read_text())
    return sorted(found)


def version(directory: Path) -> str:
    """The layout that a NameNode of this Hadoop reads and writes."""
    found = re.search(r"^layoutVersion=(.*)$", (directory / "current" / "VERSION").read_text(), re.MULTILINE)
    assert found
    return found[1]
