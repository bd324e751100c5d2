"""The file in which an exchange keeps what it must still know after a restart: rows of JSON by kind and key.

SQLite, whose write-ahead log holds every finished transaction when the process is killed. One process at a time.
A file that is damaged is never read in part and never begun anew: the exchange would not know what it owes.
"""

import os
import sqlite3
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from markets.sandbox.orders import SandboxError

VERSION = 1
T = TypeVar("T")
Row = tuple[str, str, object]  # kind, key, value

_TABLE = "CREATE TABLE kept (kind TEXT, key TEXT, body BLOB NOT NULL, UNIQUE (kind, key))"
_WRITE = (
    "INSERT INTO kept VALUES (?, ?, ?)"
    " ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"  # a row keeps its place in the order of reading
)


class StateError(SandboxError):
    """The state file cannot be used; the message says why and what to do."""


class About(msgspec.Struct):
    """Whose file this is."""

    version: int
    seed: int
    exchange: str  # an id of its own: another file is another exchange
    run: int = -1  # how often it was started before this time


class StateFile:
    """An open file. Raises StateError where it is damaged, in use, or of another exchange."""

    def __init__(self, path: Path, *, seed: int) -> None:
        self.path = path
        self._written: dict[tuple[str, str], bytes] = {}
        try:
            if not path.exists():
                _create(path, seed)
            if not path.stat().st_size:
                raise sqlite3.DatabaseError("it is empty")
            self._file = _opened(path)
        except (sqlite3.Error, OSError) as error:
            raise self._refused(error) from error
        try:
            self.about = self._began(seed)
        except StateError:
            self.close()
            raise

    def read(self, kind: str, type_: type[T]) -> list[T]:
        """Every row of a kind, in the order in which they were first written."""
        try:
            rows = self._file.execute(
                "SELECT key, body FROM kept WHERE kind = ? ORDER BY rowid", [kind]
            ).fetchall()
        except sqlite3.Error as error:
            raise self._refused(error) from error
        found = []
        for key, body in rows:
            try:
                found.append(msgspec.json.decode(body, type=type_))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise self._refused(f"{kind} {key}: {error}") from error
            self._written[kind, key] = body
        return found

    def write(self, rows: Iterable[Row]) -> int:
        """Write those rows that differ from what is there, all or none; returns how many."""
        new = {}
        for kind, key, value in rows:
            body = msgspec.json.encode(value)
            if self._written.get((kind, key)) != body:
                new[kind, key] = body
        if not new:
            return 0
        try:
            self._file.execute("BEGIN")
            self._file.executemany(_WRITE, [(*place, body) for place, body in new.items()])
            self._file.execute("COMMIT")
        except sqlite3.Error as error:
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")
            raise StateError(f"The exchange cannot write to {self.path}: {error}.") from error
        self._written |= new
        return len(new)

    def close(self) -> None:
        """Let go of the file, with everything in it."""
        self._file.close()

    def _began(self, seed: int) -> About:
        """What the file says of itself, counted up by this start."""
        known = self.read("about", About)
        if not known or known[0].version != VERSION:
            raise self._refused(
                f"it is of version {known[0].version}, not {VERSION}" if known else "it has no beginning"
            )
        about = known[0]
        if about.seed != seed:
            raise StateError(
                f"{self.path} belongs to an exchange of seed {about.seed}: start it with --seed {about.seed},"
                " or name another --state-file."
            )
        about.run += 1
        self.write([("about", "", about)])
        return about

    def _refused(self, error: object) -> StateError:
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            return StateError(
                f"Another exchange works with {self.path}: end it, or name another --state-file."
            )
        return StateError(
            f"{self.path} cannot be read ({error}), so the exchange does not know what it owes to whom. Put a copy of it"
            " in its place, or move it away: then a new exchange begins, which knows nothing of the old one's markets."
        )


def _opened(path: Path) -> sqlite3.Connection:
    """The file for this process alone, found whole."""
    file = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL"):
            file.execute(f"PRAGMA {pragma}")
        verdict = file.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    except sqlite3.Error:
        file.close()
        raise
    return file


def _create(path: Path, seed: int) -> None:
    """A new exchange's file, which gets its name when it is whole: an empty one was not made here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    os.close(os.open(beside, os.O_WRONLY | os.O_CREAT, 0o600))  # it will hold API credentials
    file = sqlite3.connect(beside)
    try:
        file.execute(_TABLE)
        about = About(VERSION, seed, str(uuid.uuid4()))
        file.execute("INSERT INTO kept VALUES ('about', '', ?)", [msgspec.json.encode(about)])
        file.commit()
    finally:
        file.close()
    path.with_name(f"{path.name}-wal").unlink(missing_ok=True)  # of a file that was moved away
    beside.replace(path)
