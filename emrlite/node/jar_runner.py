"""``hadoop jar``, and the Jar of a step: fetch it where it lies elsewhere, then become the JVM that runs it."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from emrlite.errors import EmrliteError
from emrlite.node import jvm, places
from emrlite.node.fetch import fetch
from emrlite.node.layout import NODE_VARIABLE, NodeInfo

_RUN_JAR = "org.apache.hadoop.util.RunJar"


def main(args: Sequence[str]) -> NoReturn:
    """Run ``[--property=K=V …] [--main-class=C] JAR [ARGUMENT …]``."""
    info = NodeInfo.read(Path(os.environ[NODE_VARIABLE]))
    properties, main_class, rest = [], None, list(args)
    while rest and rest[0].startswith(("--property=", "--main-class=")):
        option, _, value = rest.pop(0).partition("=")
        if option == "--property":
            properties.append(f"-D{value}")
        else:
            main_class = value
    if not rest:
        sys.exit("RunJar jarFile [mainClass] args...")
    source = places.resolve(rest[0], info)
    try:
        folder = Path(tempfile.mkdtemp(prefix="jar-", dir=info.layout.tmp))
        jar = fetch(source, folder / Path(source).name, info)
        own = manifest_main(jar)
    except (EmrliteError, OSError) as error:
        sys.exit(f"hadoop jar: {error}")
    except zipfile.BadZipFile:
        sys.exit(f"Not a valid JAR: {source}")
    words = [word for name in ("HADOOP_OPTS", "HADOOP_CLIENT_OPTS") for word in shlex.split(os.environ.get(name, ""))]
    flags = ["-Xmx1g", *jvm.driver_flags([*words, *properties])]
    argv = jvm.command(info, _RUN_JAR, str(jar), *rest[1:], flags=flags)
    if main_class and own is None:
        # RunJar takes the class from the command line only where the manifest names none.
        argv = jvm.command(info, _RUN_JAR, str(jar), main_class, *rest[1:], flags=flags)
    elif main_class and main_class != own:
        argv = jvm.command(info, main_class, *rest[1:], flags=flags, extra=str(jar))
    sys.stderr.flush()
    os.execv(argv[0], argv)


def manifest_main(jar: Path) -> str | None:
    """``Main-Class`` of a jar's manifest."""
    with zipfile.ZipFile(jar) as archive:
        try:
            text = archive.read("META-INF/MANIFEST.MF").decode()
        except KeyError:
            return None
    # A line of a manifest that begins with a space goes on with the one before it.
    for line in text.replace("\r\n", "\n").replace("\n ", "").splitlines():
        name, _, value = line.partition(":")
        if name.lower() == "main-class":
            return value.strip()
    return None
