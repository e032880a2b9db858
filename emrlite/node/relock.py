"""``python -m emrlite.node.relock``: fetch every archive of ``conf/engines.lock`` anew, write digests and sizes.

For maintainers, after a change of coordinates.  Comments and order of the file stay.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from emrlite.node import jars
from emrlite.node.lockfile import conf

_ENTRY = re.compile(r'coordinates = "(?P<coordinates>[^"]+)"(\nsha256 = "[^"]*")?(\nsize = \d+)?')


def relock(text: str, repository: Path) -> str:
    """*text* with the digest and size of every archive that it names."""

    def entry(match: re.Match[str]) -> str:
        path = jars.resolve(match["coordinates"], repository)
        print(path.name, file=sys.stderr)
        return f'coordinates = "{match["coordinates"]}"\nsha256 = "{jars.digest(path)}"\nsize = {path.stat().st_size}'

    return _ENTRY.sub(entry, text)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        lock = conf("engines.lock")
        lock.write_text(relock(lock.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")
