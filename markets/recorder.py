"""Raw frames on disk: one JSON document a line, gzip, a new file every so often; what replay reads.

A line is {"recv_ms": Unix ms, "conn": name, "frame": text} for a frame as it came, {"raw_b64": …} instead of the text
where it is not UTF-8, and {"recv_ms", "conn", "control": "opened"|"closed"} for what happened to the connection.
"""

import base64
import gzip
import json
import logging
import threading
from datetime import UTC, datetime
from pathlib import Path

log = logging.getLogger(__name__)

ROTATE_BYTES = 64 * 1024 * 1024  # of uncompressed lines
ROTATE_MS = 3_600_000
FLUSH_MS = 5_000


class Recorder:
    """Writes lines into `folder`/<name>-<time>.jsonl.gz; keeps at most `keep_files` files. Safe to use from threads."""

    def __init__(self, folder: Path, name: str, *, keep_files: int = 200) -> None:
        self.folder = folder
        self.name = name
        self.lines = 0
        self._keep_files = keep_files
        self._file: gzip.GzipFile | None = None
        self._bytes = 0
        self._opened_ms = 0
        self._flushed_ms = 0
        self._lock = threading.Lock()

    def frame(self, connection: str, raw: bytes, at_ms: int) -> None:
        """Keep one frame, byte for byte."""
        line: dict[str, object] = {"recv_ms": at_ms, "conn": connection}
        try:
            line["frame"] = raw.decode("utf-8")
        except UnicodeDecodeError:
            line["raw_b64"] = base64.b64encode(raw).decode("ascii")
        self._write(line, at_ms)

    def control(self, connection: str, what: str, at_ms: int) -> None:
        """Keep that a connection was opened or closed."""
        self._write({"recv_ms": at_ms, "conn": connection, "control": what}, at_ms)

    def bad(self, why: str, raw: bytes, at_ms: int) -> None:
        """Keep a frame that could not be used, with the reason as its connection's name."""
        self.frame(f"bad: {why}"[:200], raw, at_ms)

    def close(self) -> None:
        """Finish the file."""
        with self._lock:
            self._finish()

    def _write(self, line: dict[str, object], at_ms: int) -> None:
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            if self._file is None or self._bytes > ROTATE_BYTES or at_ms - self._opened_ms > ROTATE_MS:
                self._open(at_ms)
            assert self._file is not None
            self._file.write(text)
            self._bytes += len(text)
            self.lines += 1
            if at_ms - self._flushed_ms > FLUSH_MS:
                self._file.flush()
                self._flushed_ms = at_ms

    def _open(self, at_ms: int) -> None:
        self._finish()
        self.folder.mkdir(parents=True, exist_ok=True)
        stamp = datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y%m%dT%H%M%S.%f")
        self._file = gzip.open(self.folder / f"{self.name}-{stamp}.jsonl.gz", "ab", compresslevel=5)  # noqa: SIM115
        self._bytes, self._opened_ms = 0, at_ms
        for old in sorted(self.folder.glob(f"{self.name}-*.jsonl.gz"))[: -self._keep_files]:
            old.unlink(missing_ok=True)

    def _finish(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
