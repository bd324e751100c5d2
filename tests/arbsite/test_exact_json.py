"""Numbers go in and out of the API digit for digit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbsite.exact_json import MAX_DIGITS, decode, encode


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**15), max_value=10**15))
def test_a_decimal_survives_the_way_out_and_in(value):
    assert decode(encode({"price": value})) == {"price": value}


def test_a_decimal_is_a_json_number_with_its_own_digits():
    assert encode({"bid": Decimal("0.652")}) == b'{"bid":0.652}'
    assert encode(Decimal("0.10")) == b"0.10"


def test_a_number_with_a_point_never_becomes_a_float():
    found = decode(b"[0.1, 1e2, 3]")
    assert found == [Decimal("0.1"), Decimal("1e2"), 3]
    assert [type(value) for value in found] == [Decimal, Decimal, int]


@pytest.mark.parametrize(
    "raw",
    [
        b"NaN", b"Infinity", b"-Infinity", b"{", b"", b"\xff", b'{"a":1,"a":2}', b"[" * 100_000,
        b"1" * (MAX_DIGITS + 1), b"0." + b"1" * MAX_DIGITS,
    ],
)  # fmt: skip
def test_what_is_no_exact_json_is_refused(raw):
    with pytest.raises(ValueError):
        decode(raw)
