"""Files of labelled addresses, in a layout of our own, as CSV or JSON. `docs/whales.md` describes it.

CSV: a header `chain,address,owner,label,kind` (the last two may be missing), one address a line. JSON: an object with
`source`, `licence`, `dated` and `wallets`, a list of objects with the same names.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from signals.sources.base import Malformed
from signals.sources.clean import plain
from signals.sources.whales import flows, wire

MOST_BYTES = 50_000_000
MOST_WALLETS = 500_000
# Licences that forbid what we do, or allow nothing. Compared without case, signs and version
DENIED = (
    "busl", "bsl", "business source", "cc by-nc", "cc-by-nc", "non-commercial", "noncommercial", "proprietary",
    "none", "all rights reserved", "unknown",
)  # fmt: skip


class BadFile(ValueError):
    """The file cannot be used; one sentence says why."""


@dataclass(frozen=True, slots=True)
class Wallet:
    """One address and whose it is."""

    chain: str
    address: str
    owner: str
    label: str
    kind: str


@dataclass(frozen=True, slots=True)
class Set:
    """The wallets of one file, and what the file says of itself (empty where it says nothing)."""

    wallets: tuple[Wallet, ...]
    source: str = ""
    licence: str = ""
    dated: str = ""


def read(raw: bytes, name: str) -> Set:
    """The wallets of a file, JSON by its name's end or its first character. Raises BadFile, naming the line at fault."""
    if len(raw) > MOST_BYTES:
        raise BadFile(f"{name} is larger than {MOST_BYTES} bytes.")
    if name.lower().endswith(".json") or raw.lstrip()[:1] in (b"{", b"["):
        return _json(raw, name)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadFile(f"{name} is not UTF-8 text.") from None
    rows = csv.DictReader(io.StringIO(text))
    if not {"chain", "address", "owner"} <= set(rows.fieldnames or ()):
        raise BadFile(f"{name} must begin with the line chain,address,owner,label,kind.")
    return Set(_wallets(enumerate(rows, start=2), name, "line"))


def _json(raw: bytes, name: str) -> Set:
    try:
        body = wire.decode(raw, name)
    except Malformed:
        raise BadFile(f"{name} is not JSON.") from None
    rows = wire.mapping(body).get("wallets")
    if not isinstance(rows, list):
        raise BadFile(f"{name} must be an object with source, licence, dated and wallets, a list.")
    return Set(
        _wallets(enumerate(rows, start=1), name, "wallet"),
        plain(body.get("source"), longest=64),
        plain(body.get("licence"), longest=64),
        plain(body.get("dated"), longest=10),
    )


def _wallets(rows: Iterable[tuple[int, Any]], name: str, word: str) -> tuple[Wallet, ...]:
    found: dict[tuple[str, str], Wallet] = {}
    for number, row in rows:
        if number > MOST_WALLETS:
            raise BadFile(f"{name} has more than {MOST_WALLETS} wallets.")
        one = wallet(wire.mapping(row))
        if isinstance(one, str):
            raise BadFile(f"{name}, {word} {number}: {one}")
        before = found.setdefault((one.chain, one.address), one)
        if before.owner != one.owner:
            raise BadFile(
                f"{name}, {word} {number}: the address is given to {before.owner} and to {one.owner}."
            )
    return tuple(found.values())


def wallet(row: Mapping[str, Any]) -> Wallet | str:
    """A wallet, or what is wrong with it."""
    chain = wire.chain_name(row.get("chain"))
    address = wire.address(row.get("address"), chain)
    label = plain(row.get("label"), longest=128)
    owner = flows.owner_name(row.get("owner") or label)
    kind = str(row.get("kind") or flows.EXCHANGE).strip().lower()
    if not chain:
        return "it needs a chain, such as ethereum."
    if not address or (
        chain in wire.EVM_CHAINS and (len(address) != 42 or wire.hexadecimal(address) is None)
    ):
        return f"{str(row.get('address'))[:60]!r} is no address of {chain}."
    if not owner:
        return "it needs an owner, such as binance."
    if kind not in flows.KINDS:
        return f"{kind[:30]!r} is no kind; there are {', '.join(flows.KINDS)}."
    return Wallet(chain, address, owner, label, kind)


def refuse_licence(licence: str) -> None:
    """Raise BadFile for a licence that does not allow our use, or none at all."""
    text = " ".join(licence.lower().split())
    if not text:
        raise BadFile("The set's licence is not known: give it with --licence, as its publisher states it.")
    if any(text == word or text.startswith(word) or f" {word}" in f" {text}" for word in DENIED):
        raise BadFile(
            f"The licence {licence} does not allow this use; load a set that does (docs/whales.md lists some)."
        )


def day_of(text: str) -> date:
    """The day a set was made. Raises BadFile."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadFile(f"{text!r} is no day: give --dated as 2026-01-31, when the set was made.") from None
