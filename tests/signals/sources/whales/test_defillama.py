"""DeFi Llama: several pegs, two encodings of dates, and what is too old or too doubtful to be used."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from signals.sources.base import Cursor, Malformed, Unavailable
from signals.sources.whales import defillama
from tests.signals.sources.whales.given import NOW, SECONDS, USDC, FakeFetch

DAY = 86_400
SETUP = defillama.Setup("https://stablecoins.llama.fi", "https://coins.llama.fi")
CHART = [
    {"date": str(SECONDS - 2 * DAY), "totalCirculating": {"peggedUSD": 90, "peggedEUR": 10}},
    {"date": SECONDS - DAY, "totalCirculating": {"peggedUSD": 100.5, "peggedEUR": 20}},
    {"date": str(SECONDS), "totalCirculating": {"peggedUSD": 102.51, "peggedEUR": 10, "peggedJPY": 1}},
]


def raw(value):
    return json.dumps(value).encode()


def test_the_recorded_examples(recorded):
    folder = recorded / "sources/defillama"
    assert defillama.circulating((folder / "stablecoins.example.json").read_bytes()) == {
        "peggedUSD": Decimal("159510682147.76874")
    }
    (point,) = defillama.chart((folder / "stablecoincharts_chain.example.json").read_bytes())
    assert point.pegs == {"peggedUSD": 12_000_000_000} and defillama.change([point]) is None
    prices = defillama.prices((folder / "prices_current.example.json").read_bytes(), NOW)
    assert prices == {
        ("ethereum", "0xdf574c24545e5ffecb9a659c229253d4111d87e1"): Decimal("0.022053735051098835")
    }


@pytest.mark.parametrize("name", ["protocols", "stablecoinchains", "v2_chains"])
def test_the_other_recorded_examples_are_json_of_another_kind(recorded, name):
    body = (recorded / f"sources/defillama/{name}.example.json").read_bytes()
    assert defillama.chart(body) == []  # no dates in it
    with pytest.raises(Malformed):
        defillama.prices(body, NOW)


def test_the_change_of_a_day_by_peg_with_both_encodings_of_dates():
    found = defillama.change(defillama.chart(raw(CHART)))
    assert found.at == NOW and found.change == {"peggedUSD": Decimal("0.02"), "peggedEUR": Decimal("-0.5")}
    assert found.dollars == Decimal("0.02")


def test_points_that_are_too_close_or_too_far_say_nothing():
    assert defillama.change([]) is None
    near = [{**CHART[0], "date": SECONDS - 3_600}, CHART[2]]
    far = [{**CHART[0], "date": SECONDS - 9 * DAY}, CHART[2]]
    assert defillama.change(defillama.chart(raw(near))) is None
    assert defillama.change(defillama.chart(raw(far))) is None


@pytest.mark.parametrize("body", [b"<html>", b"", b"{}", b"null"])
def test_what_is_no_answer(body):
    for read in (defillama.chart, defillama.circulating, lambda body: defillama.prices(body, NOW)):
        with pytest.raises(Malformed):
            read(body)


def test_points_that_cannot_be_read_are_left_out():
    bad = [
        7,
        {"date": "x"},
        {"date": SECONDS},
        {"date": SECONDS, "totalCirculating": {"peggedUSD": "many", "x": 1}},
    ]
    assert defillama.chart(raw(bad)) == []


def price(**fields):
    return raw(
        {
            "coins": {
                f"ethereum:{USDC.upper().replace('0X', '0x')}": {
                    "price": 0.91,
                    "timestamp": SECONDS,
                    **fields,
                }
            }
        }
    )


def test_a_price_is_the_price_also_in_a_depeg_and_not_when_old_or_doubtful():
    assert defillama.prices(price(confidence=0.99), NOW) == {("ethereum", USDC): Decimal("0.91")}
    assert defillama.prices(price(confidence=0.5), NOW) == {}
    assert defillama.prices(price(timestamp=SECONDS - DAY), NOW) == {}
    assert defillama.prices(price(price=0), NOW) == {}


def poll(charts, prices):
    cursor = Cursor(etag="of something else")
    fetch = FakeFetch(lambda url, params: charts if "charts" in url else prices)
    return defillama.poll(fetch, cursor, NOW, setup=SETUP), cursor


def test_a_poll_keeps_regime_and_prices_in_the_cursor():
    batch, cursor = poll(raw(CHART), price())
    place = json.loads(json.dumps(cursor.place))
    assert batch.records == () and cursor.etag == ""
    assert defillama.regime(place, NOW).dollars == Decimal("0.02")
    assert defillama.known_prices(place, NOW) == {("ethereum", USDC): Decimal("0.91")}


def test_what_is_old_is_not_known_any_more():
    _, cursor = poll(raw(CHART), price())
    assert defillama.known_prices(cursor.place, NOW + timedelta(hours=3)) == {}
    assert defillama.regime(cursor.place, NOW + timedelta(days=3)) is None
    assert defillama.regime({}, NOW) is None and defillama.known_prices({}, NOW) == {}


def test_one_of_two_that_fails_leaves_the_other_both_raise():
    batch, cursor = poll(Unavailable("no"), price())
    assert batch.dropped == 1 and "prices" in cursor.place and "regime" not in cursor.place
    with pytest.raises(Unavailable):
        poll(Unavailable("no"), Unavailable("no"))
