"""Times on a command line: the same words for every command."""

from datetime import UTC, datetime

import pytest
from django.core.management.base import CommandError

from arbsite.moments import since_when

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90m", datetime(2026, 11, 26, 10, 30, tzinfo=UTC)),
        ("1w", datetime(2026, 11, 19, 12, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T06:30", datetime(2026, 11, 20, 6, 30, tzinfo=UTC)),
        ("2026-11-20T06:30:00+02:00", datetime(2026, 11, 20, 4, 30, tzinfo=UTC)),
    ],
)
def test_spans_days_and_times(text, moment):
    assert since_when(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "999999w", "2026-13-01", "-5m"])
def test_what_cannot_be_read_is_explained_by_the_options_name(text):
    with pytest.raises(CommandError, match=r"--until .*: write 90m"):
        since_when(text, NOW, "--until")
