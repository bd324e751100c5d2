"""`/normalize/price` over HTTP."""

import pytest

from tests.arbsite.callers import reader

ADDRESS = "/api/v1/normalize/price"
BODY = (
    b'{"source": "polymarket", "raw_data": {"market_id": "0x4bab", "outcome": "YES", "bid": 0.652, "ask": 0.658,'
    b' "ts": 1706275200000}}'
)


@pytest.fixture
def headers(db):
    return reader("markets.view_price")


def test_the_specifications_example_digit_for_digit(client, headers):
    response = client.post(ADDRESS, BODY, "application/json", headers=headers)
    assert response.status_code == 200
    assert response.content == (
        b'{"normalized":{"event_type":"price_update","timestamp":1706275200000,"market_id":"0x4bab","outcome":"YES",'
        b'"best_bid":0.652,"best_ask":0.658,"mid_price":0.655,"spread":0.006,"spread_pct":0.916,"source":"polymarket"}}'
    )


def test_wrong_fields_are_named(client, headers):
    body = BODY.replace(b"0.652", b"1.652").replace(b'"YES"', b'"MAYBE"')
    response = client.post(ADDRESS, body, "application/json", headers=headers)
    assert response.status_code == 400 and response["Content-Type"] == "application/problem+json"
    assert response.json()["errors"] == {
        "raw_data.bid": ["Must be from 0 to 1."], "raw_data.outcome": ["Must be one of YES, NO."],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"[]", 400), (b"{}", 400), (b"null", 400), (b'{"source": "kalshi", "raw_data": []}', 400),
        (b'{"source": "kalshi", "raw_data": {"bid": NaN}}', 400), (b"{" * 300, 400), (b" " * 300_000, 413),
        (b'{"source": 7, "raw_data": {}}', 400),
    ],
)  # fmt: skip
def test_bad_bodies_are_problems(client, headers, body, status):
    response = client.post(ADDRESS, body, "application/json", headers=headers)
    assert response.status_code == status and response["Content-Type"] == "application/problem+json"
