"""Times as people write them on a command line."""

import re
from datetime import datetime, timedelta

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def since_when(text: str, now: datetime, option: str = "--since") -> datetime:
    """A span back from now, a date (its first moment), or a time; UTC where no zone is written. Raises CommandError."""
    span = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    try:
        if span:
            return now - timedelta(**{UNITS[span[2]]: int(span[1])})
        moment = parse_datetime(text)
        day = None if moment else parse_date(text)
    except (ValueError, OverflowError):
        moment = day = None
    if moment is None and day is not None:
        moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - its zone is set below
    if moment is None:
        raise CommandError(f"{option} {text}: write 90m, 24h, 7d, a date such as 2026-11-24, or a time.")
    return moment if moment.tzinfo else timezone.make_aware(moment)
