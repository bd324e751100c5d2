"""Times of this room: Unix milliseconds where the hot path counts, aware UTC where rows are written."""

from datetime import UTC, datetime


def utc(ms: int) -> datetime:
    """Unix milliseconds as an aware time, exactly."""
    return datetime.fromtimestamp(ms // 1_000, UTC).replace(microsecond=ms % 1_000 * 1_000)


def unix_ms(at: datetime) -> int:
    """An aware time as whole Unix milliseconds."""
    return int(at.timestamp()) * 1_000 + at.microsecond // 1_000
