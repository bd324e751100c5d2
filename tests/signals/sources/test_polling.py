"""One poll and what is remembered of it: claims, the breaker, limits, lies, floods, silence, and a crash in between."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from arbsite import registry as house
from arbsite.models import Component, Notice
from signals.models import Source
from signals.sources import polling, registry
from signals.sources.base import Batch, Kept, KeyRefused, LimitReached, Malformed, Unavailable
from signals.sources.tasks import poll_source, poll_sources
from tests.signals.sources.local import NOW, Script, known, limits, spec

MINUTE = timedelta(minutes=1)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture
def script():
    return Script()


@pytest.fixture
def source(script):
    with known(spec(script)):
        yield script


def row() -> Source:
    return Source.objects.get(pk="made")


def told() -> list[str]:
    return list(
        Notice.objects.filter(kind__startswith="source_").order_by("id").values_list("kind", flat=True)
    )


def fail(script: Script, times: int, error: Exception, at=NOW):
    """Poll so often, each time when it is due; returns the time of the last one."""
    for _ in range(times):
        script.answers.append(error)
        assert polling.poll("made", now=at) is not None
        at = row().next_at
    return row().asked_at


# --- what is due


def test_new_sources_get_a_row_and_are_due(source):
    assert polling.due(now=NOW) == ["made"]
    assert (row().state, row().kind) == (Source.OFF, "news")


def test_a_source_that_is_off_says_what_would_switch_it_on():
    with known(spec(off="Set MADE_API_KEY.")):
        assert polling.due(now=NOW) == []
        assert (row().state, row().why) == (Source.OFF, "Set MADE_API_KEY.")
        assert polling.poll("made", now=NOW) is None


def test_all_sources_can_be_switched_off_and_on_again(source, monkeypatch):
    polling.poll("made", now=NOW)
    limits(monkeypatch, enabled=False)
    assert polling.due(now=NOW + MINUTE) == []
    assert row().why == "Set SOURCES_ENABLED=true."
    assert polling.poll("made", now=NOW + MINUTE) is None
    limits(monkeypatch, enabled=True)
    assert polling.due(now=NOW + MINUTE) == ["made"]
    assert polling.poll("made", now=NOW + MINUTE).state == Source.OK


def test_an_unknown_source_is_named(source):
    with pytest.raises(registry.UnknownSource, match="there are: made"):
        polling.poll("other", now=NOW)


# --- one poll


def test_a_poll_keeps_counts_and_waits_for_its_time(source):
    source.answers = [Batch(records=[1, 2, 3], dropped=2)]
    source.kept = Kept(new=2, repeats=1, late=1, newest=NOW - MINUTE, latencies_ms=(100, 300, 5_000))
    done = polling.poll("made", now=NOW)
    assert (done.state, done.why, done.kept.new) == (Source.OK, "", 2)
    saved = row()
    assert (saved.items, saved.repeats, saved.late, saved.dropped, saved.latency_ms) == (2, 1, 1, 2, 300)
    assert (saved.item_at, saved.answered_at, saved.next_at) == (NOW - MINUTE, NOW, NOW + MINUTE)
    assert polling.poll("made", now=NOW + timedelta(seconds=59)) is None
    assert polling.due(now=NOW + timedelta(seconds=59)) == []
    assert polling.poll("made", now=NOW + MINUTE) is not None
    assert source.places == [{}, {"polls": 1}]
    health = Component.objects.get(pk="source-made")
    assert health.state == Component.RUNNING and health.detail["items"] == 4


def test_force_asks_before_its_time(source):
    polling.poll("made", now=NOW)
    assert polling.poll("made", now=NOW, force=True) is not None
    assert source.polls == 2


def test_more_items_than_the_limit_are_cut_and_counted(source, monkeypatch):
    limits(monkeypatch, max_items=10)
    source.answers = [Batch(records=list(range(25)))]
    source.kept = Kept(new=10)
    polling.poll("made", now=NOW)
    assert source.keeps == [list(range(10))]
    assert row().dropped == 15


def test_the_newest_item_is_never_of_the_future(source):
    source.answers, source.kept = [Batch(records=[1])], Kept(new=1, newest=NOW + 100 * MINUTE)
    polling.poll("made", now=NOW)
    assert row().item_at == NOW
    source.kept = Kept(new=1, newest=NOW - 100 * MINUTE)
    polling.poll("made", now=NOW + MINUTE)
    assert row().item_at == NOW


# --- the breaker


def test_the_breaker_opens_after_so_many_failures_doubles_its_pause_and_closes(source):
    pauses = []
    at = NOW
    for _ in range(13):
        source.answers.append(Unavailable("made: no answer (ReadTimeout)"))
        polling.poll("made", now=at)
        pauses.append((row().next_at - at).total_seconds())
        at = row().next_at
    assert pauses == [60, 60, 60, 60, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert (row().state, row().failures) == (Source.BROKEN, 13)
    assert told() == ["source_broken"]  # once, when it opened
    assert polling.poll("made", now=at).state == Source.OK
    assert (row().failures, row().why, row().next_at) == (0, "", at + MINUTE)


def test_a_slow_source_keeps_its_cadence_while_the_breaker_is_closed(script):
    with known(spec(script, every_seconds=900)):
        fail(script, 1, Malformed("made: HTML"))
        assert row().next_at == NOW + timedelta(seconds=900)
        assert told() == []


def test_while_the_breaker_is_open_nobody_asks(source):
    at = fail(source, 6, Unavailable("made: gone"))
    asked = source.polls
    for seconds in range(0, 120, 5):
        assert polling.poll("made", now=at + timedelta(seconds=seconds)) is None
    assert source.polls == asked


def test_a_refused_key_is_told_at_once_and_rests_an_hour(source):
    fail(source, 1, KeyRefused("made: refused with 401; check its key and plan"))
    assert row().next_at == NOW + timedelta(hours=1)
    assert told() == ["source_broken"]
    fail(source, 3, KeyRefused("made: refused with 401; check its key and plan"), at=row().next_at)
    assert told() == ["source_broken"]
    assert Component.objects.get(pk="source-made").state == Component.DEGRADED


def test_a_limit_is_no_failure(source):
    source.answers = [LimitReached("made: too often", 17), LimitReached("made: too often")]
    assert polling.poll("made", now=NOW).state == Source.LIMITED
    assert (row().failures, row().next_at) == (0, NOW + timedelta(seconds=17))
    polling.poll("made", now=row().next_at)
    assert row().next_at == NOW + timedelta(seconds=77)
    assert told() == []


def test_a_failed_poll_leaves_the_cursor_where_it_was(source):
    polling.poll("made", now=NOW)

    def half(fetch, cursor, now):
        cursor.place["polls"] = 99
        cursor.etag = "new"
        raise Unavailable("made: no answer")

    with known(spec(source, poll=half)):
        polling.poll("made", now=NOW + MINUTE)
    assert (row().cursor, row().etag) == ({"polls": 1}, "")


@pytest.mark.parametrize(
    "error", [KeyError("results"), ValueError("secret text"), RecursionError(), TypeError()]
)
def test_a_reader_that_stumbles_is_the_sources_trouble_and_logged(source, caplog, error):
    source.answers = [error]
    done = polling.poll("made", now=NOW)
    assert (done.state, done.why) == (Source.BROKEN, f"made: cannot be read ({type(error).__name__})")
    assert "a reader stumbled" in caplog.text and "secret text" not in caplog.text
    assert polling.poll("made", now=NOW + MINUTE).state == Source.OK


def test_a_place_that_no_column_takes_is_refused(source):
    def poisoned(fetch, cursor, now):
        cursor.place = {"next": "a\x00b"}
        return Batch()

    with known(spec(source, poll=poisoned)):
        assert "NUL" in polling.poll("made", now=NOW).why
    assert row().cursor == {}


def test_an_error_of_our_own_is_not_swallowed(source):
    source.answers = [RuntimeError("a bug")]
    with pytest.raises(RuntimeError):
        polling.poll("made", now=NOW)
    assert row().next_at == NOW + polling.CLAIM  # and then it is tried again


# --- lies, floods, silence


def test_a_source_that_lies_about_time_is_throttled_marked_and_told_once(source):
    source.answers, source.kept = [Batch(records=[1])], Kept(new=1, lies=1)
    assert polling.poll("made", now=NOW).state == Source.SUSPECT
    assert (row().lies, row().next_at) == (1, NOW + 4 * MINUTE)
    polling.poll("made", now=row().next_at)
    assert told() == ["source_suspect"]
    source.kept = Kept(new=1)
    assert polling.poll("made", now=row().next_at).state == Source.OK


def test_a_flood_is_seen_although_what_is_too_much_was_cut_off(source, monkeypatch):
    limits(monkeypatch, max_items=500, flood_per_minute=600)
    source.answers, source.kept = [Batch(records=range(1_200))], Kept(new=500)
    done = polling.poll("made", now=NOW)
    assert done.state == Source.SUSPECT and "floods" in done.why
    source.answers, source.kept = [Batch(records=range(500))], Kept(new=500)
    assert polling.poll("made", now=row().next_at).state == Source.OK


@pytest.mark.parametrize(
    ("new", "again", "state"),
    [(9, 5, Source.SUSPECT), (10, 5, Source.OK), (4, 4, Source.OK), (0, 0, Source.OK)],
    ids=["most", "half", "few", "nothing"],
)
def test_a_source_that_repeats_itself_is_throttled_marked_told_and_shown(source, new, again, state):
    source.answers, source.kept = [Batch(records=range(10))], Kept(new=new, again=again, repeats=10 - new)
    assert polling.poll("made", now=NOW).state == state
    assert row().repeats == 10 - new + again
    assert ("repeats itself" in row().why, told()) == (
        (True, ["source_suspect"]) if state == Source.SUSPECT else (False, [])
    )
    assert row().next_at == NOW + (4 if state == Source.SUSPECT else 1) * MINUTE


def test_a_first_poll_of_a_source_that_is_asked_rarely_is_no_flood(script):
    with known(spec(script, every_seconds=900)):
        script.answers, script.kept = [Batch(records=range(490))], Kept(new=490)
        assert polling.poll("made", now=NOW).state == Source.OK


def test_a_source_that_went_silent_is_stale_and_told_once(source):
    polling.poll("made", now=NOW)
    assert polling.check_stale(now=NOW + 2 * MINUTE) == 0
    assert polling.check_stale(now=NOW + 2 * MINUTE + timedelta(seconds=1)) == 1
    assert polling.check_stale(now=NOW + 3 * MINUTE) == 0
    assert (row().state, row().why) == (Source.STALE, f"no answer since {NOW:%Y-%m-%d %H:%M} UTC")
    assert told() == ["source_stale"]
    assert polling.poll("made", now=NOW + 4 * MINUTE).state == Source.OK


def test_a_source_that_left_the_settings_is_switched_off_after_a_while(source):
    polling.poll("made", now=NOW)
    with known():
        polling.check_stale(now=NOW + polling.FORGOTTEN)
        assert row().state == Source.OK
        polling.check_stale(now=NOW + polling.FORGOTTEN + MINUTE)
    assert (row().state, row().why) == (Source.OFF, "It is not in the settings any more.")


def test_a_cadence_of_seconds_is_not_stale_within_a_minute(script):
    with known(spec(script, every_seconds=5)):
        polling.poll("made", now=NOW)
        assert polling.check_stale(now=NOW + 2 * MINUTE) == 0
        assert polling.check_stale(now=NOW + 2 * MINUTE + timedelta(seconds=1)) == 1


def test_a_stream_whose_process_died_is_stale_not_well(monkeypatch):
    """Its row has no specification: it is written by its process every 20 s, or by nobody."""
    monkeypatch.setitem(house.streams, "socket", lambda: None)
    Source.objects.create(name="socket", kind="whales", state=Source.OK, answered_at=NOW, updated_at=NOW)
    with known():
        assert polling.check_stale(now=NOW + 2 * MINUTE) == 0
        assert polling.check_stale(now=NOW + 3 * MINUTE) == 1
        assert polling.check_stale(now=NOW + 4 * MINUTE) == 0
        assert Source.objects.get().state == Source.STALE and told() == ["source_stale"]
        polling.check_stale(now=NOW + polling.FORGOTTEN + MINUTE)
    assert (Source.objects.get().state, Source.objects.get().why) == (
        Source.OFF,
        "Run: manage.py stream socket.",
    )


# --- places


@pytest.mark.parametrize("error", [Unavailable("made: no answer"), KeyError("surprise")])
def test_a_poll_that_fails_half_way_has_moved_no_nested_place(script, error):
    """What was read before the failure was not kept: it must be read again."""

    def half(fetch, cursor, now):
        cursor.place.setdefault("chain", {"wallets": {}})["wallets"]["a"] = script.polls = script.polls + 1
        if script.polls == 2:
            raise error
        return Batch()

    with known(spec(script, poll=half)):
        polling.poll("made", now=NOW)
        assert polling.poll("made", now=NOW + MINUTE).state == Source.BROKEN
    assert row().cursor == {"chain": {"wallets": {"a": 1}}}


def test_of_a_source_that_goes_on_where_it_stopped_nothing_is_cut_off(script, monkeypatch):
    limits(monkeypatch, max_items=2)
    script.answers = [Batch(records=[1, 2, 3])]
    with known(spec(script, whole=True)):
        assert polling.poll("made", now=NOW).state == Source.OK
    assert script.keeps == [[1, 2, 3]] and row().dropped == 0


# --- workers


def test_a_worker_that_died_after_keeping_is_followed_by_one_that_keeps_again(source):
    """The row is written last: what was kept is read and kept a second time, which a keeper must bear."""
    polling.poll("made", now=NOW)
    at = NOW + MINUTE
    source.answers, source.kept = [Batch(records=["new"])], SystemExit("killed")
    with pytest.raises(SystemExit):
        polling.poll("made", now=at)
    assert row().cursor == {"polls": 1}
    source.kept = Kept(repeats=1)
    source.answers = [Batch(records=["new"])]
    assert polling.poll("made", now=at + polling.CLAIM - MINUTE) is None
    assert polling.poll("made", now=at + polling.CLAIM).state == Source.OK
    assert source.keeps == [[], ["new"], ["new"]]
    assert source.places[1] == source.places[2] == {"polls": 1}


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_ask_once():
    begun, go_on, script = threading.Event(), threading.Event(), Script()

    def slow(fetch, cursor, now):
        begun.set()
        assert go_on.wait(10)
        return script.poll(fetch, cursor, now)

    done = []

    def work():
        try:
            done.append(polling.poll("made", now=NOW))
        finally:
            connection.close()

    with known(spec(script, poll=slow)):
        first = threading.Thread(target=work)
        first.start()
        assert begun.wait(10)
        assert polling.poll("made", now=NOW) is None
        go_on.set()
        first.join(10)
    assert [one.state for one in done] == [Source.OK]
    assert script.polls == 1


# --- tasks


def test_the_sweep_rings_for_what_is_due_and_the_doorbell_expires(source, monkeypatch):
    rung = []
    monkeypatch.setattr(
        "celery.app.base.Celery.send_task", lambda _, name, **options: rung.append((name, options))
    )
    poll_sources()
    assert rung == [("signals.poll_source", {"kwargs": {"name": "made"}, "expires": 10})]
    poll_source(name="made")
    rung.clear()
    poll_sources()
    assert rung == [] and source.polls == 1


def test_waiting_for_a_source_keeps_no_window_waiting():
    from arbsite.celery import app

    assert app.conf.task_routes[0]("signals.poll_source")["queue"] == "rest"


def test_sources_are_listed_by_kind_and_name():
    for name, kind in (("b", "news"), ("a", "whales"), ("c", "calendar")):
        Source.objects.create(name=name, kind=kind)
    assert [one.name for one in polling.listing()] == ["c", "b", "a"]
