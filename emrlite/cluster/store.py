"""Specs, status, events: one SQLite file that any tool can open.

Connections are in autocommit mode, each for one unit of work at a time and kept for the next,
and every read-modify-write stands in ``BEGIN IMMEDIATE``: a deferred transaction that turns
into a writer fails with "locked" when another got there first.

A status is saved with the generation of the spec that it was planned from, and refused
when that moved on: what a client asked for in the middle of a tick is never overlooked.
"""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from emrlite import home
from emrlite.cluster.model import AppUi, ClusterSpec, ClusterStatus, Event
from emrlite.errors import StorageError

BUSY_SECONDS = 30

#: Made here, while one thread alone imports this: msgspec keeps what it learns of a class before it has learned all,
#: and a second thread that comes upon that ends the whole process (SIGSEGV).
_SPEC = msgspec.json.Decoder(ClusterSpec)
_STATUS = msgspec.json.Decoder(ClusterStatus)
_APP_UI = msgspec.json.Decoder(AppUi)

MIGRATIONS = (
    """
    CREATE TABLE clusters (
        number INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of creation
        id TEXT NOT NULL UNIQUE,
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        generation INTEGER NOT NULL,               -- of the spec
        live INTEGER NOT NULL,                     -- 0 once the state is final
        owner TEXT NOT NULL,                       -- the emulator that looks after it
        spec BLOB NOT NULL,
        status BLOB NOT NULL
    );
    CREATE INDEX clusters_of ON clusters (account, region, number);
    CREATE TABLE events (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        cluster TEXT NOT NULL,
        time REAL NOT NULL,
        subject TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL
    );
    CREATE INDEX events_of ON events (cluster, number);
    """,
    """
    CREATE TABLE app_uis (
        id TEXT PRIMARY KEY,
        cluster TEXT NOT NULL UNIQUE,
        ui BLOB NOT NULL
    );
    """,
)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One cluster: what is asked, at which generation, and what is."""

    spec: ClusterSpec
    generation: int
    status: ClusterStatus


class Store:
    """The state of one home.  Safe to use from many threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # To open one takes longer than most that is done with it.  With each, which file it has open: who removes the
        # directory of a cluster has removed its store.
        self._idle: list[tuple[int, sqlite3.Connection]] = []
        weakref.finalize(self, _close, self._idle)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path.parent), self._connection() as db:
            db.execute("PRAGMA journal_mode = WAL")
        self._migrate()

    def create(
        self, spec: ClusterSpec, status: ClusterStatus, events: Sequence[Event] = (), *, owner: str = ""
    ) -> None:
        """Save a new cluster that the emulator *owner* looks after.  Raises `StorageError` if its id exists."""
        with self._write() as db:
            try:
                db.execute(
                    "INSERT INTO clusters (id, account, region, generation, live, owner, spec, status)"
                    " VALUES (?, ?, ?, 1, 1, ?, ?, ?)",
                    (spec.id, spec.account, spec.region, owner, _encode(spec), _encode(status)),
                )
            except sqlite3.IntegrityError as error:
                raise StorageError(f"there is a cluster {spec.id} already") from error
            _append(db, spec.id, events)

    def stamp(self) -> tuple[int, int]:
        """What is another after nearly each change, by whomever; look now and then all the same.

        Costs next to nothing.  It is the size and the time of SQLite's write-ahead log; two changes within a tick
        of the clock may look alike.
        """
        try:
            log = os.stat(f"{self.path}-wal")
        except FileNotFoundError:
            return 0, 0
        return log.st_size, log.st_mtime_ns

    def record(self, cluster_id: str) -> Record:
        """Return one cluster.  Raises ``KeyError`` if there is none with this id."""
        with self._connection() as db:
            return _load(db, cluster_id)

    def knows(self, cluster_id: str) -> bool:
        """Tell whether there is or was a cluster with this id."""
        with self._connection() as db:
            return db.execute("SELECT 1 FROM clusters WHERE id = ?", (cluster_id,)).fetchone() is not None

    def records(self, account: str, region: str) -> list[Record]:
        """Return the clusters of an account in a region, newest first."""
        with self._connection() as db:
            rows = db.execute(
                "SELECT spec, generation, status FROM clusters WHERE account = ? AND region = ? ORDER BY number DESC",
                (account, region),
            )
            return [_record(row) for row in rows]

    def all(self) -> list[Record]:
        """Return every cluster of this home, of whatever account and region, newest first."""
        with self._connection() as db:
            rows = db.execute("SELECT spec, generation, status FROM clusters ORDER BY number DESC")
            return [_record(row) for row in rows]

    def live(self) -> list[Record]:
        """Return all clusters that have not ended, oldest first."""
        with self._connection() as db:
            rows = db.execute("SELECT spec, generation, status FROM clusters WHERE live ORDER BY number")
            return [_record(row) for row in rows]

    def owners(self) -> dict[str, str]:
        """Return the emulator that looks after each live cluster: cluster id -> owner."""
        with self._connection() as db:
            return dict(db.execute("SELECT id, owner FROM clusters WHERE live ORDER BY number").fetchall())

    def own(self, cluster_id: str, owner: str) -> None:
        """Put a cluster into the care of another emulator."""
        with self._write() as db:
            db.execute("UPDATE clusters SET owner = ? WHERE id = ?", (owner, cluster_id))

    def terminate(self, cluster_id: str) -> None:
        """Ask for the end of a cluster, protected or not."""
        self.change_spec(cluster_id, lambda record: replace(record.spec, terminate=True))

    def change_spec(self, cluster_id: str, change: Callable[[Record], ClusterSpec]) -> Record:
        """Let *change* make a new spec of the present record, in one transaction.

        What *change* raises goes through, and then nothing is written.  A change that
        changes nothing does not move the generation.
        """
        with self._write() as db:
            record = _load(db, cluster_id)
            spec = change(record)
            if spec == record.spec:
                return record
            db.execute(
                "UPDATE clusters SET spec = ?, generation = generation + 1 WHERE id = ?", (_encode(spec), cluster_id)
            )
            return Record(spec=spec, generation=record.generation + 1, status=record.status)

    def save_status(
        self, cluster_id: str, status: ClusterStatus, *, generation: int, final: bool, events: Sequence[Event] = ()
    ) -> bool:
        """Save *status* and what led to it; ``False`` if the spec is not at *generation* any more."""
        with self._write() as db:
            done = db.execute(
                "UPDATE clusters SET status = ?, live = ? WHERE id = ? AND generation = ?",
                (_encode(status), not final, cluster_id, generation),
            )
            if done.rowcount:
                _append(db, cluster_id, events)
            return bool(done.rowcount)

    def add_events(self, cluster_id: str, events: Iterable[Event]) -> None:
        """Append to the story of a cluster."""
        with self._write() as db:
            _append(db, cluster_id, events)

    def events(self, cluster_id: str) -> list[Event]:
        """Return the story of a cluster, oldest first."""
        with self._connection() as db:
            rows = db.execute(
                "SELECT time, subject, state, reason FROM events WHERE cluster = ? ORDER BY number", (cluster_id,)
            )
            return [Event(time=t, subject=subject, state=state, reason=reason) for t, subject, state, reason in rows]

    def create_app_ui(self, ui: AppUi) -> AppUi:
        """Save a persistent application UI; a cluster has one, and where it is there already, it is returned."""
        with self._write() as db:
            db.execute("INSERT OR IGNORE INTO app_uis (id, cluster, ui) VALUES (?, ?, ?)",
                       (ui.id, ui.cluster, _encode(ui)))
            (kept,) = db.execute("SELECT ui FROM app_uis WHERE cluster = ?", (ui.cluster,)).fetchone()
            return _APP_UI.decode(kept)

    def app_ui(self, ui_id: str) -> AppUi | None:
        """Return a persistent application UI."""
        with self._connection() as db:
            row = db.execute("SELECT ui FROM app_uis WHERE id = ?", (ui_id,)).fetchone()
            return _APP_UI.decode(row[0]) if row else None

    def forget_ended(self, owner: str) -> None:
        """Remove the ended clusters of *owner* with their events and application UIs."""
        with self._write() as db:
            db.execute(
                "DELETE FROM events WHERE cluster IN (SELECT id FROM clusters WHERE NOT live AND owner = ?)", (owner,)
            )
            db.execute(
                "DELETE FROM app_uis WHERE cluster IN (SELECT id FROM clusters WHERE NOT live AND owner = ?)", (owner,)
            )
            db.execute("DELETE FROM clusters WHERE NOT live AND owner = ?", (owner,))

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        file, db = self._take()
        try:
            yield db
        except BaseException:
            db.close()  # nobody knows what it is amid
            raise
        self._idle.append((file, db))

    def _take(self) -> tuple[int, sqlite3.Connection]:
        try:
            now = self.path.stat().st_ino
        except FileNotFoundError:
            now = 0  # that of no file
        while self._idle:
            with suppress(IndexError):  # another thread took the last one
                file, db = self._idle.pop()
                if file == now:
                    return file, db
                db.close()
        db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA synchronous = NORMAL")
        try:
            return self.path.stat().st_ino, db
        except FileNotFoundError as error:  # somebody removes it just now
            db.close()
            raise sqlite3.OperationalError(f"{self.path} is gone") from error

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def _migrate(self) -> None:
        with self._write() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > len(MIGRATIONS):
                raise StorageError(
                    f"{self.path} was written by a newer emrlite (schema {version}, this one knows {len(MIGRATIONS)}); "
                    "upgrade emrlite, or give another --home"
                )
            for script in MIGRATIONS[version:]:
                for statement in script.split(";\n"):
                    if statement.strip():
                        db.execute(statement)
            db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Keep others out who open a store in *directory*: who turns a new file to WAL does not wait for them in SQLite."""
    file = os.open(directory, os.O_RDONLY)
    try:
        if not home.locked(file, BUSY_SECONDS):
            raise StorageError(f"another process has kept {directory} for {BUSY_SECONDS} s")
        yield
    finally:
        os.close(file)


def _close(connections: list[tuple[int, sqlite3.Connection]]) -> None:
    while connections:
        connections.pop()[1].close()


def _load(db: sqlite3.Connection, cluster_id: str) -> Record:
    row = db.execute("SELECT spec, generation, status FROM clusters WHERE id = ?", (cluster_id,)).fetchone()
    if row is None:
        raise KeyError(cluster_id)
    return _record(row)


def _record(row: tuple[bytes, int, bytes]) -> Record:
    spec, generation, status = row
    return Record(spec=_SPEC.decode(spec), generation=generation, status=_STATUS.decode(status))


def _encode(value: ClusterSpec | ClusterStatus | AppUi) -> bytes:
    return msgspec.json.encode(value)


def _append(db: sqlite3.Connection, cluster_id: str, events: Iterable[Event]) -> None:
    db.executemany(
        "INSERT INTO events (cluster, time, subject, state, reason) VALUES (?, ?, ?, ?, ?)",
        [(cluster_id, event.time or time.time(), event.subject, event.state, event.reason) for event in events],
    )
