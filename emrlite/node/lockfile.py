"""Reads ``conf/engines.lock``: which archives an engine is made of, and what each must be.

The folder ``conf`` is part of the package when emrlite is installed, and stands beside it in
a checkout.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import emrlite
from emrlite.errors import SetupError

#: Sizes are told in millions of bytes.
MB = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Jar:
    """One archive: Maven coordinates, digest, size."""

    group: str
    coordinates: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """File name, as Maven builds it of ``group:artifact:version[:classifier]``."""
        return "-".join(self.coordinates.split(":")[1:]) + ".jar"


@dataclass(frozen=True, kw_only=True)
class Locked:
    """What the lock says about one version of Spark."""

    spark: str
    scala: str
    hadoop: str
    jars: tuple[Jar, ...]  #: go on the class path
    s3proxy: Jar


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a package costs, in bytes."""

    fetch: int
    disk: int


def conf(name: str) -> Path:
    """The file *name* of the folder ``conf``."""
    package = Path(emrlite.__file__).resolve().parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / name).is_file():
            return folder / name
    raise SetupError(f"{name} is missing from this installation of emrlite ({package}); install it again")


def locked(spark: str) -> Locked:
    """What an engine of Spark *spark* consists of."""
    content = _content()
    try:
        engine = content["spark"][spark]
    except KeyError:
        known = ", ".join(content["spark"])
        raise SetupError(
            f"emrlite has no list of archives for Spark {spark}, only for {known}; "
            "set `spark` (EMRLITE_SPARK) to one of these"
        ) from None
    return Locked(
        spark=spark,
        scala=engine["scala"],
        hadoop=engine["hadoop"],
        jars=tuple(Jar(**jar) for jar in engine["jar"]),
        s3proxy=next(Jar(**jar) for jar in content["tool"] if jar["group"] == "s3proxy"),
    )


def package_size(name: str) -> Size:
    """What the Python package *name* costs, with all that it needs."""
    size = _content()["packages"][name]
    return Size(fetch=size["fetch"] * MB, disk=size["disk"] * MB)


@functools.cache
def _content() -> dict[str, Any]:
    return tomllib.loads(conf("engines.lock").read_text(encoding="utf-8"))
