"""The table of wallets: loading sets into it, and whose an address is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db import transaction

from signals.models import ExchangeWallet
from signals.sources.base import Transfer
from signals.sources.whales import flows, wallet_files

SEED = Path(__file__).parent / "data" / "binance_seed.json"
CHUNK = 5_000
MOST_WATCHED = 500  # of one chain; asking about more takes longer than a poll's turn comes round


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading a set did."""

    read: int
    new: int
    changed: int


def load(path: Path, *, now: datetime, source: str = "", licence: str = "", dated: str = "") -> Loaded:
    """Load a file; what is given here counts before what the file says. The same file again changes nothing.

    Raises wallet_files.BadFile.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise wallet_files.BadFile(f"{path} cannot be read: {error.strerror}.") from None
    found = wallet_files.read(raw, path.name)
    source, licence = source or found.source, licence or found.licence
    if not source:
        raise wallet_files.BadFile("Say where the set comes from: --source.")
    wallet_files.refuse_licence(licence)
    day = wallet_files.day_of(dated or found.dated)
    new = changed = 0
    with transaction.atomic():
        for start in range(0, len(found.wallets), CHUNK):
            rows = [
                ExchangeWallet(
                    chain=wallet.chain, address=wallet.address, owner=wallet.owner, label=wallet.label, kind=wallet.kind,
                    source=source[:64], licence=licence[:64], dated=day, loaded_at=now,
                )
                for wallet in found.wallets[start : start + CHUNK]
            ]  # fmt: skip
            added, altered = _write(rows)
            new, changed = new + added, changed + altered
    return Loaded(len(found.wallets), new, changed)


def _write(rows: list[ExchangeWallet]) -> tuple[int, int]:
    """Insert what is new, overwrite what an equally old or older set said otherwise."""
    known = {
        (row.chain, row.address): row
        for row in ExchangeWallet.objects.filter(
            chain__in={row.chain for row in rows}, address__in=[row.address for row in rows]
        )
    }
    fields = ["owner", "label", "kind", "source", "licence", "dated"]
    fresh, altered = [], []
    for row in rows:
        before = known.get((row.chain, row.address))
        if before is None:
            fresh.append(row)
        elif not _newer(before, row) and any(getattr(before, name) != getattr(row, name) for name in fields):
            row.pk = before.pk
            altered.append(row)
    ExchangeWallet.objects.bulk_create(fresh)
    ExchangeWallet.objects.bulk_update(altered, [*fields, "loaded_at"], batch_size=1_000)
    return len(fresh), len(altered)


def _newer(before: ExchangeWallet, row: ExchangeWallet) -> bool:
    return before.dated is not None and row.dated is not None and before.dated > row.dated


def watched(chain: str) -> list[str]:
    """Addresses of exchanges on a chain, for the sources that have to be asked by address."""
    rows = ExchangeWallet.objects.filter(chain=chain, kind=flows.EXCHANGE).order_by("-dated", "pk")
    return list(rows.values_list("address", flat=True)[:MOST_WATCHED])


def of(transfers: Iterable[Transfer]) -> dict[tuple[str, str], flows.Owner]:
    """Whose the addresses of these transfers are, in one query."""
    wanted = {
        (one.chain, address) for one in transfers for address in (one.from_address, one.to_address) if address
    }
    if not wanted:
        return {}
    rows = ExchangeWallet.objects.filter(
        chain__in={chain for chain, _ in wanted}, address__in={address for _, address in wanted}
    )
    return {
        (chain, address): flows.Owner(owner, kind)
        for chain, address, owner, kind in rows.values_list("chain", "address", "owner", "kind")
    }
