"""Figures in words never say more than is known."""

from decimal import Decimal

import pytest

from signals.models import Signal
from signals.records.wording import a_year


@pytest.mark.parametrize(
    ("annualised", "frees_now", "words"),
    [
        (Decimal("0.6"), False, "60%"),
        (Decimal("26187"), False, "> 1000%"),
        (None, True, "at once"),
        (None, False, "day unknown"),
    ],
)
def test_interest_a_year(annualised, frees_now, words):
    assert a_year(Signal(annualised=annualised, metadata={"frees_now": frees_now})) == words
