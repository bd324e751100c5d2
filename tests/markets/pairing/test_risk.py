"""`m0`: the prior, what history adds, the bound, and who may raise it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from arbsite.models import Notice
from markets import services
from markets.models import Pair
from markets.pairing import pairs, risk, risk_history
from markets.platforms.base import KALSHI, POLYMARKET, SETTLED
from tests import factories
from tests.factories import NOW

D = Decimal
settlements = st.sampled_from(sorted(risk.PRIOR))
counts = st.integers(0, 3_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_without_history_the_prior_speaks():
    assert [risk.estimate(one).m0 for one in ("clean", "correlated", "timing", "unknown")] == [
        D("0.005"), D("0.04"), D("0.05"), D("0.1"),
    ]  # fmt: skip
    assert risk.estimate("clean").m0_upper == D("0.02350")
    assert risk.estimate("a new word") == risk.estimate("unknown")


@given(settlements, counts)
def test_the_bound_is_never_below_the_estimate(settlement, history):
    found = risk.estimate(settlement, parted=history[0], settled=history[1])
    assert 0 < found.m0 <= found.m0_upper <= 1


@given(settlements, counts)
def test_one_more_that_parted_is_worse_and_one_that_did_not_is_better(settlement, history):
    parted, settled = history
    found = risk.estimate(settlement, parted=parted, settled=settled)
    worse = risk.estimate(settlement, parted=parted + 1, settled=settled + 1)
    better = risk.estimate(settlement, parted=parted, settled=settled + 1)
    assert worse.m0 >= found.m0 and worse.m0_upper >= found.m0_upper
    assert better.m0 <= found.m0 and better.m0_upper <= found.m0_upper


@given(settlements, counts)
def test_the_bound_is_clopper_and_pearson(settlement, history):
    """At the bound, as few bad ones as were counted are seen with a chance of five percent: checked by the binomial."""
    prior_bad, prior_total = risk.PRIOR[settlement]
    bad, total = prior_bad + history[0], prior_total + history[1]
    upper = float(risk.estimate(settlement, parted=history[0], settled=history[1]).m0_upper)
    assert binom.cdf(bad, total, max(0.0, upper - 1.1e-5)) >= 0.05 - 1e-6
    assert binom.cdf(bad, total, upper) <= 0.05 + 1e-6


@given(settlements, counts)
def test_a_long_history_outweighs_the_prior(settlement, history):
    parted, settled = history
    found = risk.estimate(settlement, parted=parted * 1_000, settled=settled * 1_000)
    if settled:
        assert abs(found.m0 - D(parted) / settled) < D("0.2")


@pytest.mark.parametrize(("parted", "settled"), [(1, 0), (-1, 5), (6, 5)])
def test_counts_that_cannot_be(parted, settled):
    with pytest.raises(ValueError, match="cannot have parted"):
        risk.estimate("clean", parted=parted, settled=settled)


@given(st.decimals(0, 1, places=5))
def test_by_hand_only_upwards(by_hand):
    found = risk.estimate("clean")
    assert risk.raised(found, by_hand).m0 == max(found.m0, by_hand)
    assert risk.raised(found, by_hand).m0_upper >= risk.raised(found, by_hand).m0


def test_several_pairs_together():
    assert risk.together((D("0.01"), D("0.02")), (D("0.3"), D("0.4"))) == (D("0.31"), D("0.42"))
    assert risk.together(*[(D("0.6"), D("0.7"))] * 2) == (1, 1)
    assert risk.together() == (0, 0)


@pytest.mark.parametrize(
    ("a", "b", "inverted", "parted"),
    [
        (("YES", None), ("YES", None), False, False),
        (("YES", None), ("NO", None), False, True),
        (("YES", None), ("NO", None), True, False),
        (("YES", D(1)), ("YES", D(1)), True, True),
        (("SCALAR", D("0.5")), ("SCALAR", D("0.5")), False, False),
        (("SCALAR", D("0.5")), ("NO", D(0)), False, True),
        (("SCALAR", D("0.5")), ("SCALAR", D("0.5")), True, False),
        (("", None), ("YES", None), False, None),
        (("SCALAR", None), ("YES", None), False, None),
    ],
)
def test_who_parted(a, b, inverted, parted):
    assert risk.parted(a, b, inverted=inverted) is parted


@pytest.mark.parametrize(
    ("category", "group"),
    [
        ("Crypto", "crypto"), ("Sports", "sports"), ("NBA Games", "sports"), ("Climate and Weather", "weather"),
        ("Politics", "politics"), ("US-current-affairs", "other"), ("", "other"), ("Financials", "economics"),
        ("AI", "science"), ("Main", "other"),
    ],
)  # fmt: skip
def test_groups(category, group):
    assert risk.group(category) == group


# --- from the database


def settle(suffix, polymarket, kalshi):
    infos = [
        factories.info(platform, factories.IDS[platform] + suffix, status=SETTLED, result=result)
        for platform, result in ((POLYMARKET, polymarket), (KALSHI, kalshi))
    ]
    services.store_markets(infos, now=NOW + timedelta(days=20))


def test_approval_takes_the_estimate_of_the_class(db):
    pair = factories.a_pair()
    assert (pair.risk_class, pair.m0, pair.m0_upper) == ("weather/clean", D("0.00500"), D("0.02350"))
    assert (pair.bet.m0, pair.bet.m0_upper, pair.bet.settlement) == (pair.m0, pair.m0_upper, "clean")


def test_history_grows_when_pairs_settle(db):
    open_pair = factories.a_pair("-open")
    for number in range(3):
        factories.a_pair(f"-{number}")
    settle("-0", "YES", "YES")
    settle("-1", "YES", "NO")
    assert risk_history.history() == {"weather/clean": (1, 2)}
    notice = Notice.objects.get(kind="pair_parted")
    assert notice.severity == "HIGH" and "Polymarket resolved YES, Kalshi NO" in notice.message
    open_pair.refresh_from_db()
    expected = risk.estimate("clean", parted=1, settled=2)
    assert (open_pair.m0, open_pair.bet.m0_upper) == (expected.m0, expected.m0_upper)
    settle("-1", "YES", "NO")
    assert Notice.objects.filter(kind="pair_parted").count() == 1
    assert factories.a_pair("-new").m0 == expected.m0


def test_the_sandbox_and_rejected_pairs_are_no_history(db):
    rejected = factories.a_pair("-0")
    pairs.reject(rejected, factories.a_person(), now=NOW, note="another date")
    sandbox = factories.a_pair("-1")
    Pair.objects.filter(pk=sandbox.pk).update(origin=Pair.SANDBOX)
    for suffix in ("-0", "-1"):
        settle(suffix, "YES", "NO")
    assert risk_history.history() == {}


def test_a_person_may_raise_m0_but_not_lower_it(db):
    pair = factories.a_pair()
    for asked, expected in ((D("0.03"), D("0.03")), (D("0.0001"), D("0.005"))):
        pairs.suspend(pair, factories.a_person(), now=NOW, note="again")
        pair = pairs.approve(pair, factories.a_person(), now=NOW, m0=asked)
        assert pair.m0 == pair.bet.m0 == expected
    pairs.suspend(pair, factories.a_person(), now=NOW, note="again")
    with pytest.raises(pairs.PairError, match="fraction from 0 to below 1"):
        pairs.approve(pair, factories.a_person(), now=NOW, m0=D(1))
