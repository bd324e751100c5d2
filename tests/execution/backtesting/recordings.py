"""Small recordings in the platforms' true shape: books over time, as snapshots."""

import json
from pathlib import Path

T0 = 1_790_856_000_000
POLY, KAL = "0x" + "ab" * 32, "KXTEST-26DEC31-T1"
Side = list[tuple[str, str]]


class Tape:
    """Frames of one platform, written to a file."""

    def __init__(self) -> None:
        self.lines: list[dict] = []
        self.seq = 0

    def kalshi(self, at_ms: int, yes_bids: Side, no_bids: Side, ticker: str = KAL) -> None:
        """The whole book of a market: bids of YES and bids of NO."""
        if not self.lines:
            ack = {"type": "subscribed", "id": 1, "msg": {"channel": "orderbook_delta", "sid": 1}}
            self._line(at_ms, json.dumps(ack))
        self.seq += 1
        body = {
            "market_ticker": ticker, "market_id": "b",
            "yes_dollars_fp": [list(level) for level in yes_bids], "no_dollars_fp": [list(level) for level in no_bids],
        }  # fmt: skip
        self._line(at_ms, json.dumps({"type": "orderbook_snapshot", "sid": 1, "seq": self.seq, "msg": body}))

    def polymarket(self, at_ms: int, bids: Side, asks: Side, market: str = POLY) -> None:
        """The whole book of a market's YES token."""
        event = {
            "event_type": "book", "market": market, "asset_id": "11", "timestamp": str(T0 + at_ms), "hash": "0" * 40,
            "bids": [{"price": price, "size": size} for price, size in bids],
            "asks": [{"price": price, "size": size} for price, size in asks],
        }  # fmt: skip
        self._line(at_ms, json.dumps([event]))

    def _line(self, at_ms: int, frame: str) -> None:
        self.lines.append({"recv_ms": T0 + at_ms, "conn": "c-1", "frame": frame})

    def write(self, path: Path) -> Path:
        """The file."""
        path.write_text("".join(json.dumps(line) + "\n" for line in self.lines))
        return path
