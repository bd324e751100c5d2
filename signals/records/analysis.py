"""The `analysis` group of the signal stream: every entry becomes a row for backtests."""

from datetime import UTC, datetime
from decimal import Decimal

from arbsite import groups, keys
from signals.models import SignalSnapshot

GROUP = "analysis"


def store_new(consumer: str) -> int:
    """Store what the group has not stored yet; returns how many entries were taken."""
    entries = groups.take(keys.SIGNAL_STREAM, GROUP, consumer)
    SignalSnapshot.objects.bulk_create(
        [
            SignalSnapshot(
                stream_id=entry_id,
                signal_id=fields["signal_id"],
                event=fields.get("event", ""),
                at=datetime.fromtimestamp(int(fields["at"]) / 1_000, UTC),
                edge=_figure(fields, "edge"),
                expected_edge=_figure(fields, "expected_edge"),
                size=_figure(fields, "size"),
                net_profit=_figure(fields, "net_profit"),
                body=fields,
            )
            for entry_id, fields in entries
        ],
        ignore_conflicts=True,
    )
    groups.acknowledge(keys.SIGNAL_STREAM, GROUP, entries)
    return len(entries)


def _figure(fields: dict[str, str], name: str) -> Decimal | None:
    text = fields.get(name, "")
    return Decimal(text) if text not in ("", "None") else None
