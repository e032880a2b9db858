"""The Maven repository that Java archives come from: Maven Central, or the one of the setting ``maven``."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from emrlite.errors import SetupError

#: Seconds for an answer.
_TIMEOUT = 60


def context(maven: str, cache: Path, **resolver: Any) -> Any:
    """A context of `jgo` that fetches from the URL *maven* ("" is Maven Central) into the folder *cache*.

    Raises `SetupError` for an URL that is none.
    """
    # Imported here: half a second that only fetching has to pay.
    from jgo.maven import MavenContext, PythonResolver

    return MavenContext(
        resolver=PythonResolver(**resolver), repo_cache=cache, timeout=_TIMEOUT, **_places(maven)
    )


def _places(maven: str) -> dict[str, Any]:
    """Where `jgo` looks: a folder is read in place, for it opens no ``file://``."""
    if not maven:
        return {}
    url = urlsplit(maven)
    if url.scheme in ("http", "https") and url.netloc:
        return {"remote_repos": {"maven": maven.rstrip("/")}}
    folder = Path(unquote(url.path))
    if url.scheme == "file" and folder.is_absolute() and folder.is_dir():
        return {"remote_repos": {}, "local_repos": [folder]}
    what = f"there is no folder {folder}" if url.scheme == "file" else "it begins with https://, http:// or file:///"
    raise SetupError(f"the setting maven is {maven!r}, which is no Maven repository: {what}")
