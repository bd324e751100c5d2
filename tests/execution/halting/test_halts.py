"""The kill switch: who may pull it, who may lift it, what it stops, and that open orders go until there are none."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection

from arbsite import keys
from arbsite.models import Notice
from execution.halting import clearing, feed_watch, halts
from execution.models import Difference, Halt, Order, Plan, RiskLimit
from execution.orders.trading import use
from execution.risk import services as risk
from markets import store
from markets.platforms.base import KALSHI, POLYMARKET, PlatformError
from markets.platforms.trading import PlatformState
from tests.arbsite.callers import key, user
from tests.execution.a_platform import APlatform, trade_as
from tests.factories import IDS, NOW, info

D = Decimal
KX, PM = IDS[KALSHI], IDS[POLYMARKET]


@pytest.fixture(autouse=True)
def markets(db, monkeypatch):
    trade_as(monkeypatch, "sandbox")
    feed_watch.forget()
    clearing._confirmed.clear()
    for platform in (KALSHI, POLYMARKET):
        store.upsert([info(platform)], now=NOW)


@pytest.fixture
def platforms():
    both = {KALSHI: APlatform(KALSHI), POLYMARKET: APlatform(POLYMARKET)}
    with use(both):
        yield both


def order(name, platform=KALSHI, status="OPEN", market=None):
    plan = Plan.objects.get_or_create(id="plan", mode="sandbox")[0]
    Order.objects.create(
        id=name, platform=platform, market_id=market or IDS[platform], outcome="YES", side="BUY", quantity=D(10),
        price=D("0.40"), status="PLANNED", client_order_id=f"c-{name}", platform_order_id=name, plan=plan,
        leg=Order.objects.count(), mode="sandbox", sent_at=NOW, updated_at=NOW,
    )  # fmt: skip
    for step in dict.fromkeys(("SUBMITTED", status)):
        Order.objects.filter(pk=name).update(status=step)


def rest(there, name, market=None):
    there.rest(name, market or IDS[there.platform], "BUY", "YES", 10, "0.40", client_id=f"c-{name}")


def live(there):
    return [one.platform_order_id for one in there.open_orders()]


# --- what it stops


@pytest.mark.parametrize(
    "where, stopped",
    [
        ({}, {(KALSHI, KX), (KALSHI, "KX-2"), (POLYMARKET, PM)}),
        ({"platform": KALSHI}, {(KALSHI, KX), (KALSHI, "KX-2")}),
        ({"market_id": KX}, {(KALSHI, KX)}),
        ({"platform": POLYMARKET, "market_id": PM}, {(POLYMARKET, PM)}),
    ],
)
def test_a_halt_stops_its_place_and_no_other(where, stopped):
    halts.halt("test", by="anna", now=NOW, **where)
    places = [(KALSHI, KX), (KALSHI, "KX-2"), (POLYMARKET, PM)]
    assert {place for place in places if halts.blocking(*place)} == stopped


def test_whoever_asks_pays_two_short_queries(django_assert_max_num_queries):
    with django_assert_max_num_queries(2):
        assert halts.blocking(KALSHI, KX) is None


def test_an_open_difference_blocks_like_a_halt():
    Difference.objects.create(
        mode="paper", platform=KALSHI, kind="cash_differs", subject="shard 0", sentence="Old."
    )
    assert halts.blocking(KALSHI, KX) is None  # another mode's
    Difference.objects.create(
        mode="sandbox", platform=KALSHI, kind="cash_differs", subject="shard 0", sentence="Cash."
    )
    refusal = halts.blocking(KALSHI, KX)
    assert (
        refusal.code == halts.HALTED
        and "Cash." in refusal.sentence
        and halts.blocking(POLYMARKET, PM) is None
    )


def test_a_halt_that_stands_is_not_doubled_and_only_grows_stricter():
    first = halts.halt("look", by="anna", now=NOW, cancel_open=False)
    second = halts.halt("now really", by="bert", now=NOW)
    assert first.pk == second.pk and second.cancel_open and Halt.objects.count() == 1
    assert Notice.objects.filter(kind="trading_halted", severity="CRITICAL").count() == 1


@pytest.mark.parametrize(
    "where, says",
    [({"platform": "nasdaq"}, "no platform"), ({"market_id": "KX-NO"}, "no market"),
     ({"platform": POLYMARKET, "market_id": KX}, "is on kalshi")],
)  # fmt: skip
def test_a_place_that_is_not_known_is_refused(where, says):
    with pytest.raises(halts.HaltError, match=says):
        halts.halt("test", by="anna", now=NOW, **where)
    with pytest.raises(halts.HaltError, match="why"):
        halts.halt("  ", by="anna", now=NOW)
    assert not Halt.objects.exists()


# --- who may lift it


def test_only_a_person_with_the_permission_lifts_it():
    halt = halts.halt("test", by="anna", now=NOW)
    for person in (user("nobody"), user("trader", "execution.can_halt", "execution.can_trade")):
        with pytest.raises(halts.NotPermitted):
            halts.resume([halt], person, "fine", now=NOW)
    gone = user("gone", "execution.can_resume", is_active=False)
    with pytest.raises(halts.NotPermitted):
        halts.resume([halt], gone, "fine", now=NOW)
    boss = user("boss", "execution.can_resume")
    with pytest.raises(halts.HaltError, match="why"):
        halts.resume([halt], boss, "", now=NOW)
    assert halts.blocking(KALSHI, KX)
    assert halts.resume([halt], boss, "looked at it", now=NOW) == [halt]
    assert halts.resume([halt], boss, "again", now=NOW) == []
    assert halts.blocking(KALSHI, KX) is None
    assert Notice.objects.get(kind="trading_resumed").severity == "HIGH"


def test_starting_is_lifted_by_the_executor_alone():
    halt = halts.trip(halts.STARTING, "first look", by="executor", now=NOW, platform=KALSHI)
    with pytest.raises(halts.HaltError, match="executor itself"):
        halts.resume([halt], user("boss", "execution.can_resume"), "fine", now=NOW)
    assert halts.started(KALSHI, now=NOW, why="passed") and not halts.started(KALSHI, now=NOW, why="passed")
    assert not halts.standing()


def test_the_database_keeps_one_halt_of_a_kind_and_place():
    Halt.objects.create(code="manual", why="x", by="x")
    with pytest.raises(IntegrityError):
        Halt.objects.create(code="manual", why="y", by="y")


# --- open orders


def test_a_platform_s_halt_cancels_everything_there(platforms):
    there, other = platforms[KALSHI], platforms[POLYMARKET]
    order("ours"), rest(there, "ours"), rest(there, "byhand"), rest(other, "else")
    halts.halt("test", by="anna", now=NOW, platform=KALSHI)
    assert clearing.enforce(NOW + timedelta(seconds=5)) == 0
    assert live(there) == [] and live(other) == ["else"]
    assert Order.objects.get().status == "CANCELLED" and Halt.objects.get().cleared_at


def test_a_market_s_halt_leaves_the_others_alone(platforms):
    there = platforms[KALSHI]
    store.upsert([info(KALSHI, "KX-2")], now=NOW)
    order("one"), order("two", market="KX-2"), rest(there, "one"), rest(there, "two", "KX-2")
    halts.halt("test", by="anna", now=NOW, market_id=KX)
    assert clearing.enforce(NOW + timedelta(seconds=5)) == 0
    assert live(there) == ["two"] and "cancel_all" not in there.asked


def test_cancelling_goes_on_until_the_platform_shows_none(platforms):
    there = platforms[KALSHI]
    order("ours"), rest(there, "ours")
    there.deaf = 4
    halts.halt("test", by="anna", now=NOW, platform=KALSHI)
    now, left = NOW + timedelta(seconds=5), []
    while not left or left[-1]:
        left.append(clearing.enforce(now))
        assert len(left) < 10
    assert left == [1, 1, 0] and live(there) == []


def test_an_order_on_its_way_keeps_a_halt_from_being_cleared(platforms):
    order("lost", status="UNKNOWN")
    halts.halt("test", by="anna", now=NOW, platform=KALSHI)
    assert clearing.enforce(NOW + timedelta(seconds=5)) == 1 and Halt.objects.get().cleared_at is None
    rest(platforms[KALSHI], "lost")  # it had been accepted
    assert clearing.enforce(NOW + timedelta(seconds=6)) == 1 and live(platforms[KALSHI]) == []
    Order.objects.update(status="CANCELLED")  # the executor's look-up
    assert clearing.enforce(NOW + timedelta(seconds=7)) == 0 and Halt.objects.get().cleared_at


def test_a_sender_that_asked_just_before_is_waited_for(platforms):
    halts.halt("test", by="anna", now=NOW, platform=KALSHI)
    assert clearing.enforce(NOW + timedelta(milliseconds=100)) == 0 and Halt.objects.get().cleared_at is None
    clearing.enforce(NOW + timedelta(seconds=5))
    assert Halt.objects.get().cleared_at


def test_an_order_that_slips_through_a_cleared_halt_is_cancelled_too(platforms):
    halts.halt("test", by="anna", now=NOW, platform=KALSHI)
    clearing.enforce(NOW + timedelta(seconds=5))
    order("late"), rest(platforms[KALSHI], "late")
    assert clearing.enforce(NOW + timedelta(seconds=9)) == 0 and live(platforms[KALSHI]) == []


def test_a_platform_that_does_not_answer_is_asked_again(platforms):
    there = platforms[KALSHI]
    rest(there, "byhand")
    there.away = True
    halts.halt("test", by="anna", now=NOW, platform=KALSHI)
    assert clearing.enforce(NOW + timedelta(seconds=5)) == 1 and Halt.objects.get().cleared_at is None
    there.away = False
    assert clearing.enforce(NOW + timedelta(seconds=6)) == 0 and live(there) == []


def test_orders_are_kept_where_that_was_asked_for(platforms):
    order("ours"), rest(platforms[KALSHI], "ours")
    halts.halt("test", by="anna", now=NOW, cancel_open=False)
    assert clearing.enforce(NOW + timedelta(seconds=5)) == 0 and live(platforms[KALSHI]) == ["ours"]


def test_a_fill_beats_the_cancel(platforms):
    there = platforms[KALSHI]
    order("ours"), rest(there, "ours")
    there.fill("ours", "t1", 10, NOW)
    halts.halt("test", by="anna", now=NOW, platform=KALSHI)
    assert clearing.enforce(NOW + timedelta(seconds=5)) == 0
    row = Order.objects.get()
    assert (row.status, row.filled_qty) == ("FILLED", D(10))


def test_a_process_that_dies_right_after_the_halt_is_followed_by_the_next(platforms, monkeypatch):
    rest(platforms[KALSHI], "byhand")

    def dies(place):
        assert place == "halt:set"
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr("execution.crashpoints.reach", dies)
        with pytest.raises(SystemExit):
            halts.halt("test", by="anna", now=NOW, platform=KALSHI)
    assert halts.blocking(KALSHI, KX) and live(platforms[KALSHI]) == ["byhand"]
    assert clearing.enforce(NOW + timedelta(seconds=5)) == 0 and live(platforms[KALSHI]) == []


def test_the_sweep_enforces_what_no_executor_does(platforms):
    rest(platforms[KALSHI], "byhand")
    halts.halt("test", by="anna", now=NOW, platform=KALSHI)
    clearing.left_undone(NOW + timedelta(seconds=5))
    assert live(platforms[KALSHI]) == ["byhand"]
    clearing.left_undone(NOW + timedelta(seconds=20))
    assert live(platforms[KALSHI]) == []


# --- by itself


def test_unknown_orders_above_the_count_halt_their_platform(platforms):
    most = settings.ARBSITE.risk.max_unknown_orders
    for number in range(most):
        order(f"lost{number}", status="UNKNOWN")
    assert feed_watch.unknown_orders("sandbox", risk.limits(), NOW) == []
    order("one-more", status="UNKNOWN")
    (halt,) = feed_watch.unknown_orders("sandbox", risk.limits(), NOW)
    assert (halt.code, halt.platform) == ("unknown_orders", KALSHI)
    assert feed_watch.unknown_orders("sandbox", risk.limits(), NOW) == []  # it stands already
    assert feed_watch.unknown_orders("paper", risk.limits(), NOW) == []


def test_a_silent_feed_halts_its_platform_and_stays_halted(platforms, redis):
    most = timedelta(seconds=settings.ARBSITE.risk.max_stale_seconds)
    assert (
        feed_watch.stale_feed(KALSHI, risk.limits(), NOW) is None
    )  # never heard: there are no books to trade on
    redis.hset(keys.feed(KALSHI), mapping={"kalshi-1": int(NOW.timestamp() * 1000), "kalshi-0": 5})
    assert feed_watch.stale_feed(KALSHI, risk.limits(), NOW + most) is None
    redis.delete(keys.feed(KALSHI))  # its word ends long before
    halt = feed_watch.stale_feed(KALSHI, risk.limits(), NOW + most + timedelta(seconds=1))
    assert (halt.code, halt.platform) == ("stale_feed", KALSHI)
    redis.hset(keys.feed(KALSHI), mapping={"kalshi-2": int((NOW + 2 * most).timestamp() * 1000)})
    assert feed_watch.stale_feed(KALSHI, risk.limits(), NOW + 2 * most) is None and halts.blocking(KALSHI, KX)


def test_silence_counts_from_the_start_of_the_executor(platforms, redis):
    redis.set(keys.feed_heard(KALSHI), int((NOW - timedelta(hours=8)).timestamp() * 1000))
    feed_watch.begin(NOW)  # everything was stopped for the night
    most = timedelta(seconds=settings.ARBSITE.risk.max_stale_seconds)
    assert feed_watch.stale_feed(KALSHI, risk.limits(), NOW + most) is None
    assert feed_watch.stale_feed(KALSHI, risk.limits(), NOW + most + timedelta(seconds=1)) is not None


@pytest.mark.parametrize("skew, trips", [(0, False), (4, False), (-4, False), (7, True), (-7, True)])
def test_clocks_that_disagree_halt_the_platform(platforms, skew, trips):
    platforms[KALSHI].skew = skew
    halt = feed_watch.clock(KALSHI, "sandbox", risk.limits(), datetime.now(UTC))
    assert (halt is not None and halt.code == "clock_skew") == trips


def test_a_clock_that_cannot_be_asked_says_nothing(platforms):
    platforms[KALSHI].away = True
    assert feed_watch.look("sandbox", datetime.now(UTC)) == []


def limit(name, value):
    RiskLimit.objects.create(name=name, scope="", value=value, why="drill", set_by=user(f"sets_{name}"))


def test_the_limits_that_people_set_are_the_ones_that_halt(platforms, redis):
    now = datetime.now(UTC)
    limit("max_unknown_orders", 0), limit("max_stale_seconds", 5), limit("max_clock_skew_ms", 3000)
    order("lost", status="UNKNOWN")
    redis.hset(keys.feed(KALSHI), mapping={"kalshi-1": int((now - timedelta(seconds=6)).timestamp() * 1000)})
    platforms[POLYMARKET].skew = 4
    codes = {(halt.code, halt.platform) for halt in feed_watch.look("sandbox", now)}
    assert codes == {("unknown_orders", KALSHI), ("stale_feed", KALSHI), ("clock_skew", POLYMARKET)}


def test_a_platform_that_answers_slowly_makes_no_other_clock_wrong(platforms, monkeypatch):
    seconds = [0.0]
    monkeypatch.setattr(feed_watch.time, "monotonic", lambda: seconds[0])
    now = datetime(2026, 11, 26, 12, 0, 0, 500_000, UTC)

    def slow(platform):
        seconds[0] += 20
        return now + timedelta(seconds=seconds[0])

    for platform in platforms:
        monkeypatch.setattr(platforms[platform], "clock", lambda platform=platform: slow(platform))
    assert feed_watch.look("sandbox", now) == []


def test_a_clock_of_whole_seconds_is_right_anywhere_within_its_second(platforms, monkeypatch):
    limits = replace(risk.limits(), max_clock_skew_ms=100)
    now = datetime(2026, 11, 26, 12, 0, 0, 950_000, UTC)
    for theirs, trips in ((now.replace(microsecond=0), False), (now.replace(second=2, microsecond=0), True)):
        feed_watch.forget()
        monkeypatch.setattr(platforms[KALSHI], "clock", lambda theirs=theirs: theirs)
        assert (feed_watch.clock(KALSHI, "sandbox", limits, now) is not None) == trips


@pytest.mark.parametrize("lasting", [True, False])
def test_a_platform_that_forbids_trading_is_halted_and_a_pause_is_not(platforms, monkeypatch, lasting):
    said = PlatformState(False, True, "No orders from this place.", lasting=lasting)
    monkeypatch.setattr(platforms[POLYMARKET], "state", lambda: said)
    found = feed_watch.look("sandbox", datetime.now(UTC))
    assert [(halt.code, halt.platform, halt.why) for halt in found] == (
        [("forbidden", POLYMARKET, "No orders from this place.")] if lasting else []
    )
    assert bool(halts.blocking(POLYMARKET, PM)) == lasting and halts.blocking(KALSHI, KX) is None


# --- the switch that a platform holds itself


def switching(there):
    """A platform that can be told to refuse us, and what it was told."""
    told = []
    there.has_switch, there.block, there.unblock = True, lambda: told.append("off"), lambda: told.append("on")
    return told


def test_a_platform_s_own_switch_falls_with_a_halt_and_rises_with_the_resume(platforms):
    told = switching(platforms[KALSHI])
    clearing.enforce(NOW)
    assert told == []
    halt = halts.halt("test", by="anna", now=NOW, platform=KALSHI)
    market = halts.halt("test", by="anna", now=NOW, market_id=KX)
    for second in range(3):
        clearing.enforce(NOW + timedelta(seconds=second))
    assert told == ["off"]
    clearing._confirmed.clear()  # another process: it makes sure
    clearing.enforce(NOW + timedelta(seconds=9))
    assert told == ["off", "off"]
    halts.resume([halt], user("boss", "execution.can_resume"), "fine", now=NOW)
    clearing._confirmed.clear()
    for second in range(3):
        clearing.enforce(NOW + timedelta(seconds=10 + second))
    assert told == ["off", "off", "on"] and market.lifted_at is None


def test_a_switch_that_does_not_answer_stops_no_cancel_and_is_tried_again(platforms):
    there = platforms[KALSHI]
    told = switching(there)
    rest(there, "byhand")

    def fails():
        told.append("tried")
        raise PlatformError("500")

    there.block = fails
    halts.halt("test", by="anna", now=NOW, platform=KALSHI)
    clearing.enforce(NOW + timedelta(seconds=5))
    clearing.enforce(NOW + timedelta(seconds=6))
    assert live(there) == [] and told == ["tried", "tried"]


def test_orders_are_cancelled_one_by_one_where_the_fast_way_fails(platforms, monkeypatch):
    there = platforms[KALSHI]
    order("ours"), rest(there, "ours"), rest(there, "byhand")

    def fails():
        raise PlatformError("the platform does not confirm the cancel of everything")

    monkeypatch.setattr(there, "cancel_all", fails)
    halts.halt("test", by="anna", now=NOW, platform=KALSHI)
    assert clearing.enforce(NOW + timedelta(seconds=5)) == 0 and live(there) == []


# --- commands


def run(*args):
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def test_the_commands_halt_list_and_resume(platforms):
    rest(platforms[KALSHI], "byhand")
    Halt.objects.all().delete()
    with pytest.raises(CommandError, match="why"):
        run("halt")
    assert "Nothing is halted" in run("halt", "--list")
    said = run("halt", "--platform", KALSHI, "--why", "drill", "--user", "anna", "--wait", "5")
    assert "kalshi is halted (manual) by anna" in said and "No order is open there." in said
    assert live(platforms[KALSHI]) == [] and "drill" in run("halt", "--list")
    user("clerk", "execution.can_halt"), user("boss", "execution.can_resume")
    with pytest.raises(CommandError, match="may not let trading go on"):
        run("resume", "--platform", KALSHI, "--user", "clerk", "--why", "done")
    with pytest.raises(CommandError, match="no user"):
        run("resume", "--user", "nobody", "--why", "done")
    with pytest.raises(CommandError, match="No such halt"):
        run("resume", "--user", "boss", "--why", "done")  # none of everything stands
    assert "Lifted" in run("resume", "--platform", KALSHI, "--user", "boss", "--why", "done")
    assert not halts.standing()


# --- the API


def test_who_may_call_what(client):
    body = {"data": json.dumps({"platform": KALSHI, "why": "drill"}), "content_type": "application/json"}
    why = {"data": json.dumps({"why": "done"}), "content_type": "application/json"}
    trader, boss = user("trader", "execution.can_halt"), user("boss", "execution.can_resume")
    viewer = user(
        "viewer", "execution.view_halt", "execution.view_difference", "execution.view_reconciliation"
    )
    assert client.post("/api/v1/halts", **body).status_code == 401
    assert client.post("/api/v1/halts", headers=key(viewer, "read", "trade"), **body).status_code == 403
    assert client.post("/api/v1/halts", headers=key(trader, "read"), **body).status_code == 403
    made = client.post("/api/v1/halts", headers=key(trader, "trade"), **body)
    assert made.status_code == 201 and made.json()["by"] == "trader" and halts.blocking(KALSHI, KX)
    address = f"/api/v1/halts/{made.json()['id']}/resume"
    for caller in (key(trader, "admin"), key(boss, "trade"), key(viewer, "admin")):
        assert client.post(address, headers=caller, **why).status_code == 403
    assert client.get("/api/v1/halts", headers=key(trader, "trade")).status_code == 403
    listed = client.get("/api/v1/halts?standing=true", headers=key(viewer, "read"))
    assert [row["why"] for row in listed.json()["results"]] == ["drill"]
    assert client.post(address, headers=key(boss, "admin"), **why).status_code == 200
    assert client.post(address, headers=key(boss, "admin"), **why).status_code == 409
    assert client.post("/api/v1/halts/999/resume", headers=key(boss, "admin"), **why).status_code == 404
    for name in ("reconciliations", "differences"):
        assert client.get(f"/api/v1/{name}", headers=key(viewer, "read")).status_code == 200
        assert client.get(f"/api/v1/{name}", headers=key(boss, "read")).status_code == 403


def test_a_difference_is_accepted_over_the_api(client):
    row = Difference.objects.create(
        mode="sandbox", platform=KALSHI, kind="order_unknown_there", subject="x", sentence="An order is gone."
    )
    boss, trader = user("boss", "execution.can_resume"), user("trader", "execution.can_halt")
    address = f"/api/v1/differences/{row.pk}/accept"
    why = {"data": json.dumps({"why": "seen"}), "content_type": "application/json"}
    assert client.post(address, headers=key(trader, "admin"), **why).status_code == 403
    empty = client.post(address, headers=key(boss, "admin"), data="{}", content_type="application/json")
    assert empty.status_code == 400
    answer = client.post(address, headers=key(boss, "admin"), **why)
    assert answer.status_code == 200 and answer.json()["closed_by"] == "boss"
    assert client.post(address, headers=key(boss, "admin"), **why).status_code == 409


def test_bad_halts_over_the_api(client):
    trader = key(user("trader", "execution.can_halt"), "trade")
    for body in (
        {},
        {"why": ""},
        {"why": "x", "platform": "nasdaq"},
        {"why": "x", "market_id": "KX-NO"},
        [],
        {"why": "a\x00"},
    ):
        answer = client.post(
            "/api/v1/halts", headers=trader, data=json.dumps(body), content_type="application/json"
        )
        assert answer.status_code == 400, body
    assert not Halt.objects.exists()


# --- the admin


def test_the_admin_halts_resumes_and_accepts(client):
    boss = user(
        "boss", "execution.can_halt", "execution.can_resume", "execution.view_halt", "execution.view_difference",
        is_staff=True, password="x",
    )  # fmt: skip
    client.force_login(boss)
    client.post("/admin/execution/halt/add/", {"platform": KALSHI, "why": "drill", "cancel_open": "on"})
    halt = Halt.objects.get()
    assert (halt.platform, halt.by, halt.code) == (KALSHI, "boss", "manual")
    lift = {"action": "resume", "_selected_action": [halt.pk], "why": ""}
    client.post("/admin/execution/halt/", lift)
    assert halts.standing()
    client.post("/admin/execution/halt/", lift | {"why": "done"})
    assert not halts.standing()
    row = Difference.objects.create(
        mode="sandbox", platform=KALSHI, kind="order_state", subject="x", sentence="Odd."
    )
    client.post(
        "/admin/execution/difference/", {"action": "accept", "_selected_action": [row.pk], "why": "seen"}
    )
    row.refresh_from_db()
    assert row.closed_by == "boss"
    for page in ("halt", "difference", "reconciliation"):
        assert client.get(f"/admin/execution/{page}/").status_code in (200, 403)
    clerk = user("clerk", "execution.view_halt", is_staff=True)
    client.force_login(clerk)
    assert client.get("/admin/execution/halt/add/").status_code == 403
    halts.halt("again", by="anna", now=NOW)
    client.post(
        "/admin/execution/halt/",
        {"action": "resume", "_selected_action": [Halt.objects.latest("id").pk], "why": "x"},
    )
    assert halts.standing() and connection is not None
