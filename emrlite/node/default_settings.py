"""Hadoop's default settings without their descriptions, and with one of ours.

Hadoop reads them anew for each `Configuration` that it makes: 680 kB, some fifteen times in a JVM while it starts, of
which nearly three quarters are text for people.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

_FILE = re.compile(r"\w+-default\.xml")
#: What is left of a property (`Configuration.Parser.handleEndElement`).
_READ = ("name", "value", "final", "source", "tag")
#: What stands there instead (``java_classes/LocalFiles.java``); not in a node's files: it holds where our classes are.
_OURS = {"core-default.xml": {"fs.file.impl": "emrlite.LocalFiles"}}


def found(jars: Sequence[Path]) -> dict[str, bytes]:
    """Name -> text of the default settings in Hadoop's *jars*."""
    texts: dict[str, bytes] = {}
    for jar in jars:
        if jar.name.startswith("hadoop-client-"):
            with zipfile.ZipFile(jar) as file:
                texts |= {name: short(file.read(name), _OURS.get(name, {}))
                          for name in file.namelist() if _FILE.fullmatch(name)}
    return texts


def short(text: bytes, ours: Mapping[str, str]) -> bytes:
    """Leave out what nothing but people read, and put *ours* in the place of values.  Pure."""
    root = ET.fromstring(text)  # noqa: S314  Hadoop's own
    root.text = "\n"
    for described in root:
        for part in [part for part in described if part.tag not in _READ]:
            described.remove(part)
        for part in described:
            part.tail = None
            if part.tag == "value":
                part.text = ours.get(described.findtext("name", ""), part.text)
        described.text, described.tail = None, "\n"
    left: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return left
