"""Every source of the sandbox over its true wire: formats, refusals, pages, and what goes wrong on demand."""

import calendar
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import feedparser
import icalendar
import pytest
import requests
import websocket

from arbsite.source_config import named_urls
from markets.sandbox.market import WorldSpec
from markets.sandbox.newsroom import NAME as NEWSROOM
from markets.sandbox.newsroom import Newsroom
from markets.sandbox.server import Running, running_sandbox
from markets.sandbox.sources.app import addresses
from markets.sandbox.sources.archive import NAME, archive_of
from markets.sandbox.sources.etherscan import TRANSFER_TOPIC
from markets.sandbox.sources.values import FEED_OUTLETS, FREE_KEY, KEY
from markets.sandbox.traders import TraderSpec

NO_FACES: dict[str, Any] = {name: lambda _: [] for name in ("kalshi", "clob", "gamma", "data")}
BINANCE = "0x28c6c06298d514db089934071355e5743bf21d60"
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    spec = WorldSpec(pairs=12, short_lived=0, extra_kalshi=0, extra_polymarket=0)
    with running_sandbox(spec, traders=TraderSpec(rate=0), faces=NO_FACES) as running:
        yield running


@pytest.fixture
def box(shared: Running) -> Running:
    shared.call(lambda: shared.sandbox.faults.clear())

    def empty() -> None:
        kept = archive_of(shared.sandbox)
        for stories in kept._stories.values():
            stories.clear()
        for movements in kept.movements.values():
            movements.clear()
        kept.occasions.clear()

    shared.call(empty)
    return shared


def control(box: Running, action: str, **body: Any) -> dict[str, Any]:
    answer = requests.post(f"{box.urls['control']}/control/{action}", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def fault(box: Running, source: str, kind: str, **settings: Any) -> None:
    control(box, "faults", kind=kind, platform=source, **settings)


def ask(box: Running, path: str, headers: dict[str, str] | None = None, **params: Any) -> requests.Response:
    url = f"{box.urls['sources']}{path}"
    return requests.get(
        url, params=params, headers={"User-Agent": "Arbsite/0.1 (a@b.example)", **(headers or {})}, timeout=60
    )


def etherscan(box: Running, **params: Any) -> Any:
    answer = ask(box, "/etherscan/v2/api", **{"apikey": KEY, "chainid": 1, **params})
    assert answer.status_code == 200
    return answer.json()


# --- the settings


def test_the_addresses_point_at_the_sandbox_alone(box: Running) -> None:
    base = box.urls["sources"]
    for name, value in addresses(base).items():
        if name in ("NEWS_FEEDS", "NEWS_ANNOUNCEMENTS"):
            assert all(url.startswith(base) for url in named_urls(value).values())
        elif not name.endswith(("_KEY", "_TOKEN")):
            assert urlsplit(value).netloc == urlsplit(base).netloc
    assert set(named_urls(addresses(base)["NEWS_FEEDS"])) == set(FEED_OUTLETS)


# --- Whale Alert


@pytest.fixture
def socket(box: Running) -> Iterator[websocket.WebSocket]:
    url = f"{box.urls['sources'].replace('http', 'ws')}/whale-alert/ws?api_key={KEY}"
    with closing(websocket.create_connection(url, timeout=60)) as made:
        yield made


def say(socket: websocket.WebSocket, **message: Any) -> dict[str, Any]:
    socket.send(json.dumps(message))
    return json.loads(socket.recv())


def test_a_subscription_is_echoed_and_alerts_come_in_both_forms(
    box: Running, socket: websocket.WebSocket
) -> None:
    wanted = {"id": "a1", "blockchains": ["ethereum"], "symbols": ["usdc"], "min_value_usd": 1_000_000}
    assert say(socket, type="subscribe_alerts", **wanted) == {"type": "subscribed_alerts", **wanted}
    control(box, "transfer", symbol="USDT", dollars=9_000_000)  # another symbol
    control(box, "transfer", symbol="USDC", dollars=900_000)  # too small
    sent = [
        control(box, "transfer", symbol="USDC", dollars=20_000_000 + n, **{"from": "", "to": "binance"})
        for n in range(6)
    ]
    alerts = [json.loads(socket.recv()) for _ in sent]
    assert {"type" in alert for alert in alerts} == {False, True} or len({s["number"] % 2 for s in sent}) == 1
    for alert, transfer in zip(alerts, sent, strict=True):
        assert alert["channel_id"] == "a1"
        assert (alert["from"], alert["to"]) == ("unknown wallet", "Binance")
        assert alert["amounts"][0]["symbol"] == "USDC"
        assert 19_999_999 < alert["amounts"][0]["value_usd"] < 20_000_010
        if "type" in alert:
            assert alert["type"] == "alert"
            assert alert["transaction"]["hash"] == transfer["hash"]
        else:
            assert "transaction" not in alert


def test_both_forms_of_an_alert_are_told(box: Running) -> None:
    from markets.sandbox.sources.whale_alert import alert

    control(box, "transfer", dollars=5_000_000)
    movement = box.call(lambda: box.sandbox.shared[NAME].movements["ethereum"][-1])
    older, newer = alert(movement, "c", newer=False), alert(movement, "c", newer=True)
    assert set(newer) - set(older) == {"type", "transaction"}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"id": ""}, "id"),
        ({"blockchains": []}, "non-empty"),
        ({"blockchains": ["solana"]}, "not included in your plan"),
        ({"blockchains": ["nochain"]}, "Unknown blockchain"),
        ({"symbols": ["USDC"]}, "lower case"),
        ({"tx_types": ["gift"]}, "type"),
        ({"min_value_usd": 99_999}, "at least 100000"),
        ({"type": "buy"}, "message type"),
    ],
)
def test_a_wrong_subscription_is_refused_with_a_sentence(
    socket: websocket.WebSocket, change: dict[str, Any], error: str
) -> None:
    good = {"type": "subscribe_alerts", "id": "x", "symbols": ["usdc"]}
    assert error in say(socket, **{**good, **change})["error"]
    assert say(socket, **good)["type"] == "subscribed_alerts"


def test_without_any_filter_there_is_no_subscription(socket: websocket.WebSocket) -> None:
    assert "filter" in say(socket, type="subscribe_alerts", id="x")["error"]


def test_a_bad_key_is_told_and_the_line_closed(box: Running) -> None:
    url = f"{box.urls['sources'].replace('http', 'ws')}/whale-alert/ws?api_key=wrong"
    with closing(websocket.create_connection(url, timeout=60)) as made:
        assert json.loads(made.recv()) == {"error": "Invalid API key"}
        assert made.recv() == ""
        assert not made.connected or made.recv_data()[0] == 8


def test_the_socket_can_be_made_to_fail(box: Running, socket: websocket.WebSocket) -> None:
    say(socket, type="subscribe_alerts", id="x", symbols=["usdc"])
    fault(box, "whale_alert", "ws_raw", text="{not json")
    assert socket.recv() == "{not json"
    fault(box, "whale_alert", "ws_duplicate", count=1)
    control(box, "transfer", dollars=2_000_000)
    assert socket.recv() == socket.recv()
    fault(box, "whale_alert", "ws_disconnect")
    assert socket.recv() == ""


def test_v2_pages_by_height_and_its_next_is_relative(box: Running) -> None:
    made = [control(box, "transfer", dollars=1_000_000 * (n + 1)) for n in range(5)]
    first = made[0]["height"]
    status = ask(box, "/whale-alert/ethereum/status", api_key=KEY).json()
    assert status["end_height"] >= made[-1]["height"] and status["start_height"] < first
    path: str = f"/whale-alert/ethereum/transactions?start_height={first}&limit=2"
    seen, pages = [], 0
    while path:
        page = ask(box, f"{path}&api_key={KEY}").json()
        seen += [row["hash"] for row in page["transactions"]]
        assert len(page["transactions"]) <= 2
        path, pages = page["next"], pages + 1
        assert KEY not in path
    assert seen == [row["hash"] for row in made]
    assert pages == 3
    leg = ask(box, f"/whale-alert/ethereum/transaction/{made[0]['hash']}", api_key=KEY).json()[
        "sub_transactions"
    ][0]
    assert isinstance(leg["outputs"][0]["amount"], str) and leg["unit_price_usd"] == 0.9999
    assert "value_usd" not in leg


def test_a_mint_has_no_inputs_and_a_burn_no_outputs(box: Running) -> None:
    control(box, "transfer", dollars=2_000_000, type="mint")
    made = control(box, "transfer", dollars=2_000_000, type="burn")
    rows = ask(
        box, "/whale-alert/ethereum/transactions", start_height=made["height"] - 1, api_key=KEY
    ).json()["transactions"]
    legs = [row["sub_transactions"][0] for row in rows]
    assert [(leg["transaction_type"], bool(leg["inputs"]), bool(leg["outputs"])) for leg in legs] == [
        ("mint", False, True), ("burn", True, False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/whale-alert/ethereum/transactions?start_height=1", "wrong", 401),
        ("/whale-alert/solana/transactions?start_height=1", KEY, 403),
        ("/whale-alert/nochain/transactions?start_height=1", KEY, 404),
        ("/whale-alert/ethereum/transactions", KEY, 422),
    ],
)
def test_v2_refuses(box: Running, path: str, key: str, status: int) -> None:
    answer = ask(box, path, api_key=key)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_v1_has_no_list_on_an_empty_page(box: Running) -> None:
    empty = ask(box, "/whale-alert/v1/transactions", api_key=KEY).json()
    assert empty["result"] == "success" and "transactions" not in empty
    made = control(box, "transfer", dollars=3_000_000, to="binance")
    page = ask(box, "/whale-alert/v1/transactions", headers={"X-WA-API-KEY": KEY}).json()
    row = page["transactions"][0]
    assert row["hash"] == made["hash"].removeprefix("0x")
    assert row["to"] == {"address": BINANCE[2:], "owner": "binance", "owner_type": "exchange"}
    assert "owner" not in row["from"]
    again = ask(box, "/whale-alert/v1/transactions", api_key=KEY, cursor=page["cursor"]).json()
    assert again["count"] == 0 and again["cursor"] == page["cursor"]
    assert ask(box, "/whale-alert/v1/transactions", api_key="x").json() == {
        "result": "error", "message": "invalid api_key",
    }  # fmt: skip


def test_replaced_blocks_lose_and_move_their_transactions(box: Running) -> None:
    made = [control(box, "transfer", dollars=2_000_000 + n) for n in range(4)]
    before = ask(box, f"/whale-alert/ethereum/block/{made[-1]['height']}", api_key=KEY).json()["hash"]
    said = control(box, "reorg", depth=2)
    assert said == {"moved": [made[2]["hash"]], "gone": [made[3]["hash"]]}
    block = ask(box, f"/whale-alert/ethereum/block/{made[-1]['height']}", api_key=KEY).json()
    assert block["hash"] != before and block["transactions"] == []
    rows = ask(box, "/whale-alert/ethereum/transactions", start_height=made[0]["height"], api_key=KEY).json()[
        "transactions"
    ]
    assert [row["hash"] for row in rows] == [row["hash"] for row in made[:3]]
    assert rows[2]["height"] == made[3]["height"] + 1


# --- Etherscan


def test_tokentx_speaks_in_decimal_text(box: Running) -> None:
    made = control(box, "transfer", symbol="USDT", dollars=6_000_000, to="binance")
    answer = etherscan(box, module="account", action="tokentx", address=BINANCE.upper().replace("0X", "0x"))
    assert (answer["status"], answer["message"]) == ("1", "OK")
    row = answer["result"][0]
    assert all(isinstance(value, str) for value in row.values())
    assert (row["value"], row["tokenDecimal"], row["hash"]) == (made["units"], "6", made["hash"])
    assert row["to"] == BINANCE


def test_getlogs_speaks_in_hex_with_an_empty_zero(box: Running) -> None:
    made = [control(box, "transfer", dollars=6_000_000, to="binance") for _ in range(3)]
    topic = f"0x{BINANCE[2:].rjust(64, '0')}"
    rows = etherscan(
        box, module="logs", action="getLogs", address=USDC, topic0=TRANSFER_TOPIC, topic2=topic,
        fromBlock=made[0]["height"], toBlock="latest",
    )["result"]  # fmt: skip
    assert [row["transactionHash"] for row in rows] == [row["hash"] for row in made]
    assert [int(row["data"], 16) for row in rows] == [int(row["units"]) for row in made]
    assert all(len(row["topics"]) == 3 and row["topics"][2] == topic for row in rows)
    assert any(row["logIndex"] == "0x" for row in rows)


def test_nothing_found_and_refused_have_the_same_status(box: Running) -> None:
    nothing = etherscan(box, module="account", action="tokentx", address="0x" + "1" * 40)
    assert nothing == {"status": "0", "message": "No transactions found", "result": []}
    refused = [
        etherscan(box, module="account", action="tokentx", address=BINANCE, apikey="bad"),
        etherscan(box, module="account", action="tokentx", address=BINANCE, chainid=999),
        etherscan(box, module="account", action="tokentx", address=BINANCE, chainid=56),
        etherscan(box, module="account", action="tokentx"),
        etherscan(box, module="x", action="y"),
    ]
    assert {row["status"] for row in refused} == {"0"} and {row["message"] for row in refused} == {"NOTOK"}
    assert [row["result"].split()[0] for row in refused] == ["Invalid", "Missing", "Free", "Error!", "Error!"]


def test_the_newest_block_and_a_block_at_a_time(box: Running) -> None:
    newest = int(etherscan(box, module="proxy", action="eth_blockNumber")["result"], 16)
    at = etherscan(
        box, module="block", action="getblocknobytime", timestamp=box.sandbox.now_ms() // 1000 - 3600
    )
    assert 0 < newest - int(at["result"]) <= 3600 // 12 + 300


def test_etherscans_limit_is_a_sentence(box: Running) -> None:
    fault(box, "etherscan", "status", status=429, count=1)
    answer = ask(box, "/etherscan/v2/api", apikey=KEY, chainid=1)
    assert "rate limit" in answer.json()["result"]


# --- DeFi Llama


def test_supply_lies_under_the_name_of_its_peg(box: Running) -> None:
    rows = {
        row["symbol"]: row
        for row in ask(box, "/defillama/stablecoins", includePrices="true").json()["peggedAssets"]
    }
    assert set(rows["EURC"]["circulating"]) == {"peggedEUR"}
    before = rows["USDC"]["circulating"]["peggedUSD"]
    control(box, "transfer", dollars=50_000_000, type="mint")
    after = ask(box, "/defillama/stablecoins").json()["peggedAssets"][1]["circulating"]["peggedUSD"]
    assert 49_000_000 < after - before < 52_000_000
    everything = ask(box, "/defillama/stablecoincharts/all").json()
    chain = ask(box, "/defillama/stablecoincharts/Ethereum").json()
    assert isinstance(everything[-1]["date"], str) and isinstance(chain[-1]["date"], int)
    price = ask(box, f"/defillama/prices/current/ethereum:{USDC},ethereum:0x0").json()["coins"]
    assert list(price) == [f"ethereum:{USDC}"] and price[f"ethereum:{USDC}"]["price"] == 0.9999


# --- feeds and announcements


def test_feeds_can_be_read_and_know_conditional_requests(box: Running) -> None:
    for outlet in ("wire", "ledger", "courier"):
        control(box, "story", outlet=outlet, title="A <b>bold</b> claim & more", summary="It is < 3.", age=60)
        answer = ask(box, f"/feeds/{outlet}.xml")
        parsed = feedparser.parse(answer.content)
        assert not parsed.bozo and len(parsed.entries) == 1
        assert "claim" in parsed.entries[0].title and parsed.entries[0].id
        again = ask(box, f"/feeds/{outlet}.xml", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        since = ask(
            box, f"/feeds/{outlet}.xml", headers={"If-Modified-Since": answer.headers["Last-Modified"]}
        )
        assert since.status_code == 304
        control(box, "story", outlet=outlet, title="Something new")
        fresh = ask(box, f"/feeds/{outlet}.xml", headers={"If-None-Match": answer.headers["ETag"]})
        assert fresh.status_code == 200


def test_one_feed_gives_dates_without_a_zone(box: Running) -> None:
    control(box, "story", outlet="courier", title="Zoneless")
    control(box, "story", outlet="wire", title="Zoned")
    dates = [
        ElementTree.fromstring(ask(box, f"/feeds/{name}.xml").content).findtext(".//pubDate")
        for name in ("courier", "wire")
    ]
    assert not dates[0].endswith("GMT") and dates[1].endswith("GMT")


def test_a_story_appears_when_it_is_time(box: Running) -> None:
    control(box, "story", title="Not yet", after=3600)
    assert feedparser.parse(ask(box, "/feeds/wire.xml").content).entries == []


def test_exchanges_announce_in_json(box: Running) -> None:
    control(box, "story", outlet="okx", title="Okx says", age=5)
    made = control(box, "story", outlet="binance", title="Binance says", age=5)
    details = ask(box, "/okx/api/v5/support/announcements").json()["data"][0]["details"]
    assert details[0]["title"] == "Okx says" and details[0]["pTime"].isdecimal()
    path = "/binance/bapi/composite/v1/public/cms/article/list/query"
    article = ask(box, path, type=1, pageNo=1, pageSize=20).json()["data"]["catalogs"][0]["articles"][0]
    assert (article["title"], article["releaseDate"]) == ("Binance says", made["published_ms"])
    assert requests.post(f"{box.urls['sources']}{path}", json={}, timeout=60).status_code == 403


# --- aggregators


def test_cryptopanics_next_holds_the_token(box: Running) -> None:
    for number in range(23):
        control(box, "story", title=f"Bitcoin story {number}", tags=["BTC"])
    control(box, "story", title="No coin at all")
    page = ask(box, "/cryptopanic/api/growth/v2/posts/", auth_token=KEY, currencies="BTC").json()
    assert len(page["results"]) == 20 and KEY in page["next"]
    assert page["results"][0]["instruments"][0]["code"] == "BTC"
    last = requests.get(page["next"], timeout=60).json()
    assert len(last["results"]) == 3 and last["next"] is None
    assert parse_qs(urlsplit(page["next"]).query)["page"] == ["2"]


def test_cryptopanics_plans_differ(box: Running) -> None:
    control(box, "story", title="Fresh", tags=["ETH"])
    assert ask(box, "/cryptopanic/api/developer/v2/posts/", auth_token=FREE_KEY).json()["results"] == []
    assert ask(box, "/cryptopanic/api/growth/v2/posts/", auth_token=FREE_KEY).status_code == 403
    assert ask(box, "/cryptopanic/api/growth/v2/posts/", auth_token="x").json() == {
        "error": "Invalid auth token"
    }
    assert ask(box, "/cryptopanic/api/v1/posts/").status_code == 403
    assert ask(box, "/cryptopanic/api/free/v2/posts/").status_code == 404


def test_newsapi_keeps_tombstones_and_cuts_titles(box: Running) -> None:
    for number in range(8):
        control(box, "story", title=f"Inflation {number}", summary="Prices rise.")
    control(box, "story", title="Weather")
    headers = {"X-Api-Key": KEY}
    page = ask(box, "/newsapi/v2/everything", headers=headers, q='(inflation OR "federal reserve")').json()
    assert page["totalResults"] == 8
    titles = [row["title"] for row in page["articles"]]
    assert "[Removed]" in titles
    assert all(title.endswith(" - Sandbox Wire") for title in titles if title != "[Removed]")


@pytest.mark.parametrize(
    ("key", "params", "status", "code"),
    [
        ("", {"q": "a"}, 401, "apiKeyMissing"),
        ("x", {"q": "a"}, 401, "apiKeyInvalid"),
        (KEY, {}, 400, "parametersMissing"),
        (KEY, {"q": "a", "pageSize": 101}, 400, "parameterInvalid"),
        (KEY, {"q": "a", "from": "soon"}, 400, "parameterInvalid"),
        (FREE_KEY, {"q": "a", "page": 2}, 426, "maximumResultsReached"),
    ],
)
def test_newsapi_refuses_with_a_code(
    box: Running, key: str, params: dict[str, Any], status: int, code: str
) -> None:
    answer = ask(box, "/newsapi/v2/everything", headers={"X-Api-Key": key} if key else {}, **params)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_gdelt_answers_articles_an_empty_object_or_a_sentence(box: Running) -> None:
    def doc(query: str, **more: Any) -> requests.Response:
        return ask(box, "/gdelt/api/v2/doc/doc", query=query, mode="artlist", format="json", **more)

    assert doc("(treaty OR vote)").json() == {}
    control(box, "story", title="Treaty signed, at last", summary="All agree.")
    row = doc("(treaty OR vote) sourcelang:eng", timespan="1h").json()["articles"][0]
    assert row["title"] == "Treaty signed , at last" and ":443/" in row["url"]
    assert row["seendate"][11:15] in ("0000", "1500", "3000", "4500")
    for query, said in (("x", "too short"), ("treaty OR vote", "surrounded by"), ("(treaty", "not balanced")):
        answer = doc(query)
        assert answer.status_code == 200 and said in answer.text
    fault(box, "gdelt", "status", status=429, retry_after=5, count=1)
    limited = doc("treaty")
    assert limited.status_code == 429 and "one every 5 seconds" in limited.text


# --- calendars


def test_the_feds_calendar_has_its_traps(box: Running) -> None:
    control(box, "occasion", agency="fed", name="FOMC Meeting", kind="FOMC", after=86_400)
    answer = ask(box, "/fed/json/calendar.json")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = json.loads(answer.content.decode("utf-8-sig"))["events"]
    assert rows[0]["title"] == " FOMC Meeting" and rows[0]["time"].endswith(".m.") and rows[-1] == {}


def test_bls_serves_icalendar_to_those_who_say_who_they_are(box: Running) -> None:
    made = control(
        box, "occasion", agency="bls", name="Consumer Price Index, October", after=7200, release=10
    )
    path = "/bls/schedule/news_release/bls.ics"
    assert requests.get(f"{box.urls['sources']}{path}", timeout=60).status_code == 403
    events = list(icalendar.Calendar.from_ical(ask(box, path).content).walk("VEVENT"))
    assert str(events[0]["SUMMARY"]) == "Consumer Price Index, October"
    starts = events[0].decoded("DTSTART")
    assert starts.utcoffset() is not None
    assert abs(starts.timestamp() - made["starts_ms"] / 1000) < 1


def test_fred_gives_dates_and_the_future_only_when_asked(box: Running) -> None:
    control(box, "occasion", agency="bls", name="Consumer Price Index", after=7 * 86_400, release=10)
    asked = {"api_key": KEY, "file_type": "json"}
    assert ask(box, "/fred/releases/dates", **asked).json()["release_dates"] == []
    rows = ask(box, "/fred/releases/dates", include_release_dates_with_no_data="true", **asked).json()[
        "release_dates"
    ]
    assert rows[0]["release_id"] == 10 and len(rows[0]["date"]) == 10
    refused = ask(box, "/fred/releases/dates", api_key="x", file_type="json")
    assert refused.status_code == 400 and "not registered" in refused.json()["error_message"]


# --- what goes wrong on demand


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("html", b"<html>"),
        ("empty", b""),
        ("sentence", b"The specified"),
        ("object", b"{}"),
        ("garbage", b'{"art'),
    ],
)
def test_a_body_can_be_spoiled(box: Running, what: str, body: bytes) -> None:
    fault(box, "newsapi", "source_body", what=what, count=1)
    answer = ask(box, "/newsapi/v2/everything", headers={"X-Api-Key": KEY}, q="a")
    assert answer.status_code == 200 and answer.content.startswith(body)
    assert len(answer.content) > 0 or not body
    assert ask(box, "/newsapi/v2/everything", headers={"X-Api-Key": KEY}, q="a").json()["status"] == "ok"


def test_items_can_be_repeated_misdated_and_drowned(box: Running) -> None:
    made = control(box, "story", title="Once")
    fault(box, "feeds", "source_duplicates", times=3, endpoint="GET /feeds/wire.xml")
    fault(box, "feeds", "source_times", shift=7200)
    entries = feedparser.parse(ask(box, "/feeds/wire.xml").content).entries
    assert [entry.title for entry in entries] == ["Once"] * 3
    assert len({entry.id for entry in entries}) == 3
    shown = calendar.timegm(entries[0].published_parsed)
    assert abs(shown - made["published_ms"] / 1000 - 7200) < 2
    fault(box, "feeds", "source_flood", items=50, endpoint="GET /feeds/ledger.xml")
    assert len(feedparser.parse(ask(box, "/feeds/ledger.xml").content).entries) == 50


def test_a_cursor_can_stand_still_and_304_come_for_nothing(box: Running) -> None:
    control(box, "story", title="Bitcoin", tags=["BTC"])
    fault(box, "cryptopanic", "source_stuck")
    first = ask(box, "/cryptopanic/api/growth/v2/posts/", auth_token=KEY)
    assert parse_qs(urlsplit(first.json()["next"]).query)["page"] == ["1"]
    fault(box, "whale_alert", "source_stuck")
    page = ask(box, "/whale-alert/ethereum/transactions", start_height=1, api_key=KEY).json()
    assert urljoin("http://x", page["next"]) and "start_index=0" in page["next"]
    fault(box, "okx", "source_unchanged")
    assert ask(box, "/okx/api/v5/support/announcements").status_code == 304


def test_an_answer_can_be_slow_limited_or_never_come(box: Running) -> None:
    fault(box, "defillama", "source_slow", ms=300)
    answer = ask(box, "/defillama/stablecoins")
    assert answer.elapsed.total_seconds() < 5 and answer.json()["peggedAssets"]
    fault(box, "okx", "status", status=429, retry_after=17)
    limited = ask(box, "/okx/api/v5/support/announcements")
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "17")
    fault(box, "fred", "drop_response")
    with pytest.raises(requests.ConnectionError):
        ask(box, "/fred/releases/dates")


def test_faults_of_all_platforms_leave_the_sources_alone(box: Running) -> None:
    control(box, "faults", kind="status", status=500)
    assert ask(box, "/defillama/stablecoins").status_code == 200
    control(box, "faults", kind="status", status=500, platform="sources")
    assert ask(box, "/defillama/stablecoins").status_code == 500


@pytest.mark.parametrize(
    ("action", "body", "error"),
    [
        ("faults", {"kind": "source_body", "what": "poem"}, "'what'"),
        ("faults", {"kind": "source_stuck", "platform": "kalshi"}, "'platform'"),
        ("story", {"title": "x", "outlet": "nobody"}, "'outlet'"),
        ("story", {"title": " "}, "'title'"),
        ("story", {"title": "x", "age": "old"}, "'age'"),
        ("story", {"title": "x", "tags": "BTC"}, "'tags'"),
        ("story", {"title": "x", "cents": 99}, "'cents'"),
        ("transfer", {"dollars": "many"}, "'dollars'"),
        ("transfer", {"dollars": 1, "symbol": "DOGE"}, "there are USDC"),
        ("transfer", {"dollars": 1, "to": "nobody"}, "'to'"),
        ("occasion", {"name": "x", "agency": "cia"}, "'agency'"),
        ("reorg", {"chain": "tron"}, "'chain'"),
    ],
)
def test_wishes_that_make_no_sense_get_a_sentence(
    box: Running, action: str, body: dict[str, Any], error: str
) -> None:
    answer = requests.post(f"{box.urls['control']}/control/{action}", json=body, timeout=60)
    assert answer.status_code == 400
    assert error in answer.json()["error"]


def test_a_story_by_hand_can_move_a_pair(box: Running) -> None:
    pair = box.sandbox.world.open_pairs()[0]
    before = box.call(lambda: box.sandbox.traders.quoter(pair.polymarket_id).fair.price)
    cents = -8 if before > 500_000 else 8
    control(box, "story", title="It matters", pair=pair.id, cents=cents, lag=0)
    box.call(lambda: box.sandbox.traders.step(box.sandbox.now_ms() + 1))
    after = box.call(lambda: box.sandbox.traders.quoter(pair.polymarket_id).fair.price)
    assert after - before == cents * 10_000


def test_the_newsrooms_truth_is_on_the_control_endpoint(box: Running) -> None:
    url = f"{box.urls['control']}/control/newsroom"
    assert requests.get(url, timeout=60).status_code == 404
    box.call(lambda: box.sandbox.shared.update({NEWSROOM: Newsroom(box.sandbox, every_s=0, seed=1)}))
    try:
        assert requests.get(url, timeout=60).json()["records"] == []
        assert requests.get(f"{box.urls['sources']}/control/newsroom", timeout=60).status_code == 404
    finally:
        box.call(lambda: box.sandbox.shared.pop(NEWSROOM))
