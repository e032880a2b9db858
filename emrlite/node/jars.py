"""Fetches Java archives and lets none through that is not what the lock says.

`jgo` writes straight to its final path and takes a truncated file for good (its digest check
only warns).  So it works in a scratch folder; a file is compared with the lock there and only
then moved to the cache by rename.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from emrlite.errors import Unreachable, WrongContent
from emrlite.node import repository
from emrlite.node.lockfile import MB, Jar

Say = Callable[[str], None]

#: More connections do not help: a repository answers many small files slowly, not few large ones.
_AT_ONCE = 4


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(path: Path, jar: Jar) -> None:
    """Raise `WrongContent` unless *path* is exactly what the lock says."""
    size = path.stat().st_size
    if size != jar.size:
        what = "truncated" if size < jar.size else "too long"
        raise WrongContent(f"{path} is {what}: {size:,} bytes, the lock says {jar.size:,}")
    if (found := digest(path)) != jar.sha256:
        raise WrongContent(f"{path} is not the locked file: its SHA-256 is {found}, the lock says {jar.sha256}")


def missing(jars: Iterable[Jar], cache: Path) -> list[Jar]:
    """Those of *jars* that the cache does not hold in full length."""
    return [jar for jar in jars if not _has_size(cache / jar.name, jar.size)]


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def fetch(jars: Sequence[Jar], cache: Path, say: Say, maven: str = "") -> None:
    """Bring every one of *jars* from the repository *maven* into *cache*, verified; what is there and right stays.

    A file in the cache that is wrong is named, put away and fetched again.  One that arrives
    wrong raises `WrongContent`; none of it is kept.
    """
    cache.mkdir(parents=True, exist_ok=True)
    wanted = [jar for jar in jars if not _keep(cache / jar.name, jar, say)]
    if not wanted:
        return
    progress = _Progress(sum(jar.size for jar in wanted), len(wanted), say)
    with _scratch(cache) as scratch:
        pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fetch")
        try:
            # The longest first: it decides when all are there.
            for future in [pool.submit(_fetch_one, jar, scratch, cache, progress, maven)
                           for jar in sorted(wanted, key=lambda jar: -jar.size)]:
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _keep(path: Path, jar: Jar, say: Say) -> bool:
    """Whether the cached file can stay."""
    try:
        check(path, jar)
    except FileNotFoundError:
        return False
    except WrongContent as error:
        say(f"refused: {error}; fetching it again")
        path.unlink()
        return False
    return True


@contextlib.contextmanager
def _scratch(cache: Path) -> Iterator[Path]:
    """A folder for `jgo`, empty at the start and gone at the end."""
    scratch = cache.parent / "fetching"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _fetch_one(jar: Jar, scratch: Path, cache: Path, progress: _Progress, maven: str) -> None:
    path = resolve(jar.coordinates, scratch, progress, maven)
    try:
        check(path, jar)
    except WrongContent as error:
        path.unlink()
        raise WrongContent(
            f"{jar.name} arrived wrong and was not used ({error}); run `emrlite setup` again, "
            "and if it stays so ask whoever runs your package mirror"
        ) from error
    path.replace(cache / jar.name)
    progress.done(jar)


def resolve(coordinates: str, folder: Path, progress: _Progress | None = None, maven: str = "") -> Path:
    """Fetch *coordinates* from the repository *maven* into *folder*."""
    # Imported here: half a second that only set-up has to pay.
    import requests

    context = repository.context(maven, folder, progress_callback=progress.follow if progress else None)
    try:
        found = Path(context.create_dependency(coordinates).artifact.resolve())
        # A file of a folder's repository is not ours to move.
        return found if found.is_relative_to(folder) else Path(shutil.copy2(found, folder))
    except (requests.RequestException, RuntimeError, OSError) as error:
        raise Unreachable(
            f"{coordinates} could not be fetched: {_short(error)}. Check the network (and `https_proxy`), then run "
            "`emrlite setup` again: it goes on where it stopped"
        ) from error


def _short(error: BaseException) -> str:
    """The first line of an error, at a length that a terminal bears."""
    return f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else 'no message'}"


class _Progress:
    """Says how far the fetching is: at each tenth of the bytes."""

    def __init__(self, total: int, count: int, say: Say) -> None:
        self.total, self.count, self.say = total, count, say
        self.bytes = self.files = self.told = 0
        self.lock = threading.Lock()

    @contextlib.contextmanager
    def follow(self, _name: str, _size: int) -> Iterator[Callable[[int], None]]:
        """For `jgo`: called once for each file."""
        yield self.add

    def add(self, number: int) -> None:
        with self.lock:
            self.bytes += number
            if (tenth := min(10, 10 * self.bytes // self.total)) > self.told:
                self.told = tenth
                self._tell()

    def done(self, _jar: Jar) -> None:
        with self.lock:
            self.files += 1
            if self.files == self.count:
                self._tell()

    def _tell(self) -> None:
        self.say(f"archives: {self.bytes / MB:.0f} of {self.total / MB:.0f} MB, {self.files} of {self.count} files")
