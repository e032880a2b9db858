"""What `emrlite clean` and `emrlite uninstall` take away.

Neither may run beside an emulator of that home; whoever calls makes sure of it first.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from emrlite.errors import SetupError
from emrlite.settings import Settings

#: What set-up makes, and can make again.  Not ``packages``: which to fetch is known to whoever called `prefetch`.
REBUILT = ("engines", "java", "tools", "cache")
#: Buckets of ``s3 = "local"``.
S3 = "s3"


def rebuildable(settings: Settings) -> list[Path]:
    """What `clean` would remove."""
    return [path for name in REBUILT if (path := settings.home / name).exists()]


def everything(settings: Settings, *, s3_data: bool) -> list[Path]:
    """What `uninstall` would remove: all of the home but the buckets, unless *s3_data*."""
    if not settings.home.is_dir():
        return []
    return sorted(path for path in settings.home.iterdir() if s3_data or path.name != S3)


def clean(settings: Settings) -> list[Path]:
    """Remove what set-up can make again; returns what went."""
    return _remove(rebuildable(settings))


def uninstall(settings: Settings, *, s3_data: bool = False) -> list[Path]:
    """Remove the home, but for the buckets unless *s3_data*; returns what went."""
    _is_a_home(settings.home)
    gone = _remove(everything(settings, s3_data=s3_data))
    if settings.home.is_dir() and not any(settings.home.iterdir()):
        settings.home.rmdir()
    return gone


def _is_a_home(home: Path) -> None:
    """Refuse a folder that holds something, but nothing of ours: a mistyped ``--home``."""
    ours = (*REBUILT, S3, "packages", "setup.lock")
    if home.is_dir() and any(home.iterdir()) and not any((home / name).exists() for name in ours):
        raise SetupError(f"{home} does not look like a home of emrlite; nothing was removed")


def _remove(paths: list[Path]) -> list[Path]:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return paths
