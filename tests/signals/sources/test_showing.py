"""Where sources are seen: the command, the API, the doctor, the demo."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from arbsite import registry as doors
from arbsite.models import Heartbeat
from arbsite.registry import Broken
from signals.models import Source
from signals.sources import checks as source_checks
from signals.sources import polling
from signals.sources.base import CALENDAR, WHALES, Batch, Budget, Kept, Malformed
from tests.arbsite.callers import key, reader, user
from tests.signals.sources.local import NOW, Script, known, spec

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("source", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def script():
    return Script()


@pytest.fixture
def made(script):
    off = spec(name="keyed", kind=WHALES, off="Set KEYED_API_KEY.")
    with known(spec(script, budgets=(Budget(5, 60), Budget(100, 86_400))), off):
        yield script


def test_the_list_has_every_source_with_what_would_switch_it_on(made):
    assert "Set KEYED_API_KEY." in command("list")
    rows = {row["name"]: row for row in json.loads(command("list", "--json"))["sources"]}
    assert set(rows) == {"made", "keyed"}
    assert (rows["keyed"]["state"], rows["keyed"]["why"]) == ("OFF", "Set KEYED_API_KEY.")
    assert rows["made"]["quotas"] == [
        {"name": "all", "calls": 5, "seconds": 60, "used": 0}, {"name": "all", "calls": 100, "seconds": 86_400, "used": 0},
    ]  # fmt: skip


def test_the_list_says_when_nothing_is_known():
    with known():
        assert "No source is known." in command("list")


def test_a_poll_by_hand_needs_no_appointment(made):
    made.answers, made.kept = [Batch(records=[1, 2])], Kept(new=2, late=1)
    assert command("poll", "made") == "made: OK, 2 new, 0 known, 1 late, 0 lies\n"
    made.kept = Kept(repeats=2)
    assert json.loads(command("poll", "made", "--json")) == {
        "name": "made", "state": "OK", "why": "", "new": 0, "repeats": 2, "late": 0, "lies": 0, "newest": None,
    }  # fmt: skip


def test_a_poll_that_fails_ends_with_a_sentence(made):
    made.answers = [Malformed("made: a page of HTML")]
    with pytest.raises(CommandError, match="made could not be read: made: a page of HTML"):
        command("poll", "made")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("poll", "other"), "No source is called 'other'; there are: keyed, made."),
        (("show", "other"), "No source is called 'other'"),
        (("poll",), "Say which"),
        (("poll", "keyed"), "keyed is off: Set KEYED_API_KEY."),
    ],
)
def test_a_wrong_name_gets_a_sentence(made, arguments, sentence):
    with pytest.raises(CommandError, match=sentence.replace("?", r"\?")):
        command(*arguments)


def test_one_source_is_shown_with_its_quotas(made):
    command("poll", "made")
    text = command("show", "made")
    assert "source.example" in text and "of a test" in text
    assert json.loads(command("show", "made", "--json"))["state"] == "OK"


def test_hostile_words_cannot_paint_the_table(made):
    Source.objects.create(name="odd", kind="news", state="BROKEN", why="[red]boo[/red] [/]", updated_at=NOW)
    assert "[red]boo[/red] [/]" in command("list")


def test_the_api_lists_and_shows_sources(made, client):
    polling.due(now=NOW)
    made.answers, made.kept = [Batch(records=[1])], Kept(new=1, newest=NOW, latencies_ms=(1_500,))
    polling.poll("made", now=NOW)
    headers = reader("signals.view_source")
    rows = client.get("/api/v1/sources", headers=headers).json()["results"]
    assert [row["name"] for row in rows] == ["keyed", "made"]
    assert rows[1]["answered_at"] == int(NOW.timestamp() * 1000)
    assert [
        row["name"] for row in client.get("/api/v1/sources?kind=whales", headers=headers).json()["results"]
    ] == ["keyed"]
    detail = client.get("/api/v1/sources/made", headers=headers).json()
    assert (detail["latency_ms"], detail["every_seconds"], detail["quotas"][0]["calls"]) == (1_500, 60, 5)
    assert "cursor" not in detail and "etag" not in detail
    assert client.get("/api/v1/sources/none", headers=headers).status_code == 404
    assert client.get("/api/v1/sources?state=FINE", headers=headers).status_code == 400


def test_the_api_is_closed_to_others(made, client):
    assert client.get("/api/v1/sources").status_code == 401
    assert client.get("/api/v1/sources", headers=key(user("nobody"), "read")).status_code == 403


def test_the_doctor_has_a_line_for_each_kind(script):
    lines = {check.name: check for check in doors.checks}
    assert {f"sources: {kind}" for kind in source_checks.KINDS} <= set(lines)
    assert not any(lines[f"sources: {kind}"].needed for kind in source_checks.KINDS)
    with known(spec(script), spec(name="keyed", kind=WHALES, off="Set it.")):
        assert source_checks.whales().startswith("off (1 sources")
        assert source_checks.calendar().startswith("off (0 sources")
        assert source_checks.news() == "1 not asked yet"
        polling.poll("made", now=NOW)
        assert source_checks.news() == "1 OK"
        script.answers = [Malformed("made: a page of HTML")]
        polling.poll("made", now=NOW, force=True)
        with pytest.raises(Broken, match="1 BROKEN: made: a page of HTML") as caught:
            source_checks.news()
        assert "source show made" in caught.value.remedy


def test_the_doctor_is_content_while_one_source_of_a_kind_works(script):
    other = spec(name="other", kind=CALENDAR)
    with known(other, spec(script, kind=CALENDAR)):
        script.answers = [Malformed("made: broken")]
        for name in ("made", "other"):
            polling.poll(name, now=NOW)
        assert source_checks.calendar() == "1 BROKEN, 1 OK"


def test_the_demo_shows_those_in_trouble_first(made):
    now = timezone.now()
    polling.poll("made", now=now)
    Source.objects.create(name="ill", kind="news", state="BROKEN", why="made: gone", updated_at=now)
    panel = doors.panels["sources"](now + timedelta(seconds=3))
    assert panel.title == "Sources (1 of 2 well)"
    assert [row[0] for row in panel.rows] == ["ill", "made"]
    assert panel.rows[1][8] == "3 s"
    assert all(len(row) == len(panel.columns) for row in panel.rows)


def test_without_a_word_the_command_lists(made, monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)  # the title tells the second
    assert command() == command("list") and "Set KEYED_API_KEY." in command()


def test_a_source_that_is_on_and_was_never_asked_says_so(made):
    row = json.loads(command("show", "made", "--json"))
    assert row["asked_at"] is None and row["why"].startswith("not asked yet")


def test_a_source_that_is_asked_seldom_is_not_down_between_its_polls(made):
    made.answers, made.kept = [Batch(records=[1])], Kept(new=1)
    polling.poll("made", now=NOW)
    later = NOW + timedelta(minutes=3)
    assert source_checks.keep_counting(later) == 1 and source_checks.keep_counting(later) == 0
    assert list(Heartbeat.objects.filter(component="source-made", minute=later).values_list("healthy")) == [
        (True,)
    ]
    Source.objects.filter(name="made").update(state=Source.BROKEN)
    assert source_checks.keep_counting(later + timedelta(minutes=1)) == 0
    assert "source heartbeats" in doors.sweeps
