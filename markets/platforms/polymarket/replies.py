"""An answer over HTTP as it came, and the words in it: plain values, so that whoever judges them needs no network."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whatever its status. Header names are as the server spells them."""

    status: int
    headers: Mapping[str, str]
    content: bytes


def reason_in(raw: bytes) -> str:
    """The reason in an error answer: `{"error": "…"}`, or the first words of whatever it is."""
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        document = raw[:200].decode(errors="replace")
    if isinstance(document, dict):
        document = document.get("error") or document.get("message") or document.get("errorMsg") or ""
    return str(document)[:200]
