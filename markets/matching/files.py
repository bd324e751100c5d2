"""Files of markets as the platforms deliver them: JSON documents, JSON lines, gzip of either."""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from markets.matching.questions import Question, Unreadable, flatten, question_of_payload

SHOWN = 5  # bad rows that are named; the others are counted


class UnreadableFile(Exception):
    """A file that cannot be read at all; the message says why."""


@dataclass(slots=True)
class Read:
    """The questions of one file, and what was wrong with the rows that gave none."""

    questions: list[Question] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read(path: Path, platform: str) -> Read:
    """The questions of a file. A bad row costs only itself. Raises UnreadableFile."""
    found = Read()
    for number, row in enumerate(_rows(_text(path), path), start=1):
        if isinstance(row, Unreadable):
            found.faults.append(f"row {number}: {row}")
            continue
        try:
            found.questions.append(question_of_payload(row, platform))  # type: ignore[arg-type]
        except Unreadable as fault:
            found.faults.append(f"row {number}: {fault}")
    return found


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror or error}") from error
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableFile(f"{path} is a damaged gzip file: {error}") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{path} is not UTF-8 text (byte {error.start})") from error


def _rows(text: str, path: Path) -> Iterator[object]:
    """Market objects, and an Unreadable in place of each that is none."""
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise UnreadableFile(f"{path} is nested too deeply to be a list of markets") from error
    except ValueError:
        yield from _lines(text, path)
        return
    yield from flatten(document)


def _lines(text: str, path: Path) -> Iterator[object]:
    good, first = 0, ""
    bad = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
        except (ValueError, RecursionError) as error:
            first = first or str(error)
            bad.append(Unreadable(f"line {number} is not JSON"))
            continue
        good += 1
        yield from flatten(document)
    if not good:
        raise UnreadableFile(f"{path} holds neither a JSON document nor JSON lines: {first or 'it is empty'}")
    yield from bad
