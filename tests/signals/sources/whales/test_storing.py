"""Transfers become rows once, with their claims, notices and stream entries; and nothing is lost or doubled by a crash."""

import copy
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from redis.exceptions import ConnectionError as RedisGone

from arbsite import keys
from arbsite.models import Notice
from markets.models import Market
from signals import subagents
from signals.models import AssetFlow, FlowSign, Prediction, Source, WhaleAlert, WhaleTrigger
from signals.sources.whales import defaults, publishing, storing
from signals.sources.whales.reorganising import Vanished
from tests.signals.sources.whales.given import (
    BINANCE,
    BINANCE_15,
    FAKE_USDC,
    NOW,
    OTHER,
    SECONDS,
    STRANGER,
    link,
    transfer,
)

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def tables(db):
    defaults.ensure(NOW)
    for name in ("m-btc", "m-eth"):
        Market.objects.create(id=name, platform="kalshi", slug=name, question="Bitcoin?", status="OPEN")


def links(asset, now):
    return {"BTC": [link()], "ETH": [link("m-eth", -1, "0.5")]}.get(asset, [])


def keep(*transfers, now=NOW):
    return storing.keep(transfers, now, links=links)


def stream(redis):
    return [
        {name.decode(): value.decode() for name, value in fields.items()}
        for _, fields in redis.xrange(keys.WHALE_STREAM)
    ]


def test_a_transfer_becomes_an_alert_in_the_specifications_shape(redis):
    kept = keep(transfer())
    assert (kept.new, kept.repeats, kept.late, kept.lies) == (1, 0, 0, 0)
    row = WhaleAlert.objects.get()
    assert (row.direction, row.exchange, row.category, row.asset) == ("INFLOW", "binance", "exchange", "USDC")
    assert row.amount == Decimal("6000000.00") and row.fresh and row.related_markets == ["m-btc", "m-eth"]
    # (log10 6e6 - 5) / 3, a minute old with an hour's half-life
    assert row.sentiment_score == Decimal("0.5859")
    (entry,) = stream(redis)
    assert entry == {
        "event_type": "whale_alert", "timestamp": str(int(row.happened_at.timestamp() * 1000)),
        "transaction_hash": "0x" + "ab" * 32, "block_number": "100", "from_address": STRANGER, "to_address": BINANCE,
        "token_symbol": "USDC", "amount": "6000000.00", "direction": "INFLOW", "exchange": "binance",
        "category": "exchange", "sentiment_score": "0.5859", "related_markets": '["m-btc","m-eth"]',
        "source": "etherscan", "priority": "HIGH", "alert_id": str(row.pk),
    }  # fmt: skip
    (recent,) = redis.lrange(keys.WHALE_RECENT, 0, -1)
    assert json.loads(recent) == {
        "tx_hash": "0x" + "ab" * 32, "amount": 6000000.00, "direction": "INFLOW",
        "ts": int(row.happened_at.timestamp() * 1000),
    }  # fmt: skip


def test_the_same_again_is_stopped_by_the_filter_and_behind_it_by_the_key(
    redis, django_assert_max_num_queries
):
    keep(transfer())
    with django_assert_max_num_queries(7):  # wallets, triggers and what publishing looks for: no insert
        assert keep(transfer()).repeats == 1
    redis.flushdb()
    assert keep(transfer(source="whale_alert_rest")).repeats == 1
    assert WhaleAlert.objects.count() == 1 and len(notices()) == 1
    assert stream(redis) == []  # told once, before the flush


def test_the_filter_lasts_a_minute_and_holds_back_only_what_is_stored(redis, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("killed before the commit")

    monkeypatch.setattr(storing, "_say", broken)
    with pytest.raises(RuntimeError):
        keep(transfer())
    monkeypatch.undo()
    assert keep(transfer()).new == 1
    (name,) = redis.keys("whale:seen:*")
    assert 0 < redis.ttl(name) <= 60


def test_without_redis_rows_are_stored_and_told_later(redis, monkeypatch):
    class Away:
        def __getattr__(self, name):
            raise RedisGone("away")

    for module in (storing, publishing):
        monkeypatch.setattr(module, "redis_client", Away)
    assert keep(transfer()).new == 1 and keep(transfer()).repeats == 1
    monkeypatch.undo()
    assert stream(redis) == []
    assert publishing.publish(NOW) == 1 and publishing.publish(NOW) == 0
    assert len(stream(redis)) == 1


def test_what_is_old_by_the_time_it_can_be_told_is_no_news(redis):
    keep(transfer())
    redis.delete(keys.WHALE_STREAM)
    WhaleAlert.objects.update(processed=False)
    assert publishing.publish(NOW + timedelta(hours=2)) == 0
    assert WhaleAlert.objects.get().processed and stream(redis) == []


def test_told_twice_after_a_crash_the_list_holds_it_once(redis):
    keep(transfer())
    WhaleAlert.objects.update(processed=False)
    publishing.publish(NOW)
    assert redis.llen(keys.WHALE_RECENT) == 1
    assert len({entry["alert_id"] for entry in stream(redis)}) == 1


def test_the_list_holds_the_last_hundred(redis):
    keep(*(transfer(transaction_hash=f"{at:064x}") for at in range(130)))
    assert redis.llen(keys.WHALE_RECENT) == 100 and len(stream(redis)) == 130


def test_twice_in_one_answer_is_once():
    assert keep(transfer(), transfer()).repeats == 1 and WhaleAlert.objects.count() == 1


def test_a_transfer_of_two_hours_ago_raises_nothing(redis):
    kept = keep(transfer(happened_at=NOW - timedelta(hours=2)))
    assert (kept.new, kept.late) == (1, 1)
    row = WhaleAlert.objects.get()
    assert not row.fresh and row.processed
    assert stream(redis) == [] and notices() == {}
    assert not Prediction.objects.exists() and redis.llen(keys.WHALE_RECENT) == 0


def test_a_time_that_cannot_be_is_a_lie():
    kept = keep(transfer(happened_at=NOW + timedelta(hours=1)))
    assert (kept.new, kept.lies) == (0, 1) and not WhaleAlert.objects.exists()


def test_small_transfers_are_not_kept():
    assert keep(transfer(usd=Decimal(499_999))).new == 0


def test_an_unknown_value_stays_unknown_and_raises_nothing(redis):
    assert keep(transfer(usd=None)).new == 1
    row = WhaleAlert.objects.get()
    assert row.amount is None and row.sentiment_score == 0 and row.units == 6_000_000
    assert notices() == {}
    assert AssetFlow.objects.get(asset="USDC").weight == 0
    (entry,) = stream(redis)
    assert (entry["amount"], entry["priority"]) == ("", "LOW")


def test_a_depegged_stablecoin_is_worth_its_price():
    keep(transfer(usd=Decimal(6_000_000) * Decimal("0.87")))
    assert WhaleAlert.objects.get().amount == Decimal("5220000.00")


def test_a_token_that_calls_itself_usdc_is_nothing():
    assert keep(transfer(contract=FAKE_USDC)).new == 0


def test_absurd_numbers_do_no_harm():
    kept = keep(
        transfer(usd=Decimal("1e30"), units=Decimal("1e60")),
        transfer(usd=Decimal("-5"), units=Decimal("7e6"), position=1),
        transfer(units=Decimal("1234567.123456789012345678901234567890"), position=2),
    )
    assert kept.new == 3 and WhaleAlert.objects.filter(amount__isnull=True).count() == 2


# --- triggers and notices


def notices(now=NOW):
    """What the whale monitor tells people: it alone does."""
    assert not Notice.objects.exclude(kind="large_transaction").exists()
    subagents.watch(now=now)
    return {
        row.data["alert_id"]: (row.severity, row.data["triggers"])
        for row in Notice.objects.filter(kind="large_transaction")
    }


@pytest.mark.parametrize(
    ("fields", "severity", "triggers"),
    [
        ({"usd": Decimal("1000000.01"), "to_address": OTHER}, "MEDIUM", ["large_transfer"]),
        ({"usd": Decimal(1_000_000), "to_address": OTHER}, None, None),
        ({"usd": Decimal("5000000.01")}, "HIGH", ["exchange_inflow", "large_transfer"]),
        ({"from_address": BINANCE, "to_address": OTHER}, "HIGH", ["exchange_outflow", "large_transfer"]),
        ({"usd": Decimal(5_000_000)}, "MEDIUM", ["large_transfer"]),
        ({"usd": Decimal(600_000), "to_kind": "defi", "to_owner": "aave", "to_address": OTHER}, None, None),
    ],
)
def test_triggers_are_those_of_the_specification(fields, severity, triggers):
    keep(transfer(**fields))
    assert list(notices().values()) == ([(severity, triggers)] if severity else [])


def test_triggers_are_data():
    WhaleTrigger.objects.filter(name="large_transfer").update(enabled=False)
    WhaleTrigger.objects.filter(name="exchange_inflow").update(above_usd=7_000_000)
    keep(transfer())
    assert notices() == {}


def test_a_protocol_is_logged_and_correlated(redis):
    keep(
        transfer(
            usd=Decimal(600_000), units=Decimal(600_000), to_kind="defi", to_owner="aave", to_address=OTHER
        )
    )
    assert stream(redis)[0]["category"] == "defi" and stream(redis)[0]["priority"] == "LOW"
    assert {row.kind for row in Prediction.objects.all()} == {"defi"}
    assert {row.direction for row in Prediction.objects.all()} == {0}


# --- claims


def claims():
    return {row.market_id: (row.kind, row.direction, row.strength) for row in Prediction.objects.all()}


def test_an_inflow_of_stablecoins_speaks_for_the_prices_of_coins():
    keep(transfer())
    # 0.5927 large; the link's score, and what a rise of the price does to YES
    assert claims() == {"m-btc": ("inflow", 1, Decimal("0.5334")), "m-eth": ("inflow", -1, Decimal("0.2964"))}
    row = Prediction.objects.get(market_id="m-btc")
    assert (row.source, row.item) == ("whale:etherscan", f"whale:{WhaleAlert.objects.get().pk}")
    assert row.note == "$6,000,000 in USDC to binance on ethereum" and row.horizon_seconds == 3_600


def test_an_outflow_speaks_against_them():
    keep(transfer(from_address=BINANCE, to_address=STRANGER))
    assert claims()["m-btc"][:2] == ("outflow", -1)


def test_a_flow_without_a_sign_claims_only_a_move_and_weakly():
    keep(transfer(source="whale_alert", contract="", symbol="WETH"))
    assert claims() == {"m-eth": ("inflow", 0, Decimal("0.0741"))}


def test_signs_are_data():
    FlowSign.objects.filter(asset_class="eth", direction="INFLOW").update(sign=-1)
    keep(transfer(source="whale_alert", contract="", symbol="ETH"))
    assert claims()["m-eth"][:2] == ("inflow", 1) and WhaleAlert.objects.get().sentiment_score < 0


def supply(change, at=SECONDS - 3_600):
    """What DeFi Llama said an hour ago: how the stablecoins on the dollar changed in a day."""
    place = {"regime": {"at": at, "change": {"peggedUSD": change}}}
    Source.objects.update_or_create(name="defillama", defaults={"kind": "whales", "cursor": place})


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("0.0011", "inflow:expanding"), ("-0.0011", "inflow:contracting"), ("0.001", "inflow:flat"),
        ("-0.001", "inflow:flat"),
    ],
)  # fmt: skip
def test_the_supply_of_stablecoins_is_in_the_claim_and_changes_nothing_else(change, kind):
    supply(change)
    keep(transfer())
    assert claims() == {"m-btc": (kind, 1, Decimal("0.5334")), "m-eth": (kind, -1, Decimal("0.2964"))}


def test_an_old_regime_is_none_and_so_is_that_of_a_source_that_is_off(settings):
    supply("0.01", at=SECONDS - 3 * 86_400)
    keep(transfer())
    assert claims()["m-btc"][0] == "inflow"
    supply("0.01")
    config = copy.copy(settings.ARBSITE)
    config.defillama = config.defillama.model_copy(update={"enabled": False})
    settings.ARBSITE = config
    keep(transfer(transaction_hash="cd" * 32))
    assert {row.kind for row in Prediction.objects.all()} == {"inflow"}


def test_only_flows_of_stablecoins_are_scored_apart_by_it():
    supply("0.01")
    keep(transfer(source="whale_alert", contract="", symbol="WETH"))
    assert claims()["m-eth"][0] == "inflow"


def test_neutral_transfers_claim_nothing():
    keep(transfer(from_address=BINANCE_15))
    assert claims() == {} and WhaleAlert.objects.get().related_markets == ["m-btc", "m-eth"]


# --- usual sizes


def test_what_is_usual_is_learned_once_for_each_transfer():
    rows = [transfer(position=at, usd=Decimal(10**6), units=Decimal(10**6)) for at in range(5)]
    keep(*rows)
    keep(*rows)
    flow = AssetFlow.objects.get(asset="USDC")
    assert flow.asset_class == "stablecoin" and flow.mean == 6 and flow.variance == 0
    assert Decimal("4.99") < flow.weight <= 5


# --- peel chains


def peel(at, giver, taker, units, block="1"):
    return transfer(
        source="whale_alert", chain="bitcoin", contract="", symbol="BTC", transaction_hash=f"{at:02x}" * 32,
        from_address=giver, to_address=taker, units=Decimal(units), usd=Decimal(units) * 90_000,
    )  # fmt: skip


def test_a_peel_chain_is_one_movement_also_over_two_answers(redis):
    keep(peel(1, "1A", "1B", "139.2"), peel(2, "1B", "1C", "138.8"))
    keep(peel(3, "1C", "1D", "138.3"), peel(4, "1D", "1A", "137.9"), now=NOW + MINUTE)
    head = WhaleAlert.objects.get(from_address="1A")
    assert head.chained_to_id is None
    assert set(WhaleAlert.objects.exclude(pk=head.pk).values_list("chained_to", flat=True)) == {head.pk}
    assert len(stream(redis)) == 1 and list(notices(NOW + MINUTE)) == [head.pk]
    assert AssetFlow.objects.get(asset="BTC").weight == 1


# --- blocks that were replaced


def test_what_vanished_is_gone_and_what_is_told_again_is_back(redis):
    keep(transfer())
    storing.keep([Vanished("ethereum", 100, ("ab" * 32,))], NOW, links=links)
    assert WhaleAlert.objects.get().gone_at == NOW
    keep(transfer(block=101))
    row = WhaleAlert.objects.get()
    assert row.gone_at is None and row.block_number == 101
    assert storing.withdraw([Vanished("ethereum", 100, ("ab" * 32,))], NOW) == 0  # another block


def test_defaults_keep_what_people_changed():
    WhaleTrigger.objects.filter(name="large_transfer").update(above_usd=3)
    FlowSign.objects.filter(asset_class="btc").update(sign=1)
    defaults.ensure(NOW)
    assert WhaleTrigger.objects.get(name="large_transfer").above_usd == 3
    assert set(FlowSign.objects.filter(asset_class="btc").values_list("sign", flat=True)) == {1}
    assert FlowSign.objects.count() == 8 and WhaleTrigger.objects.count() == 4


def test_migrating_fills_the_tables(db):
    WhaleTrigger.objects.all().delete()
    defaults.after_migrate()
    assert WhaleTrigger.objects.count() == 4


def test_many_transfers_cost_few_statements(django_assert_max_num_queries):
    rows = [transfer(position=at) for at in range(500)]
    with django_assert_max_num_queries(35):
        assert keep(*rows).new == 500


def test_an_alert_claims_about_the_surest_markets_only(redis):
    names = [f"m-{at:02}" for at in range(30)]
    Market.objects.bulk_create(
        Market(id=name, platform="kalshi", slug=name, question="Bitcoin?", status="OPEN") for name in names
    )
    found = [link(name, 1, f"0.{50 + at}") for at, name in enumerate(names)]
    storing.keep([transfer()], NOW, links=lambda asset, now: found if asset == "BTC" else [])
    row = WhaleAlert.objects.get()
    assert row.related_markets == names[:9:-1]
    assert set(Prediction.objects.values_list("market_id", flat=True)) == set(names[-5:])
