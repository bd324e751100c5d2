"""The matching engine against a naive second one, and what must hold whatever is asked of it."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets.sandbox import orders as o
from markets.sandbox.engine import CLOSED, PAUSED, Engine
from markets.sandbox.orders import BUY, FOK, GTC, GTD, IOC, SELL, Rejected

CENT, ONE = 10_000, 1_000_000
M = "M"


@dataclass
class Naive:
    """Price, then time, the slow and obvious way: one list in order of arrival."""

    resting: list[dict[str, Any]] = field(default_factory=list)
    trades: list[tuple[str, str, int, int]] = field(default_factory=list)  # maker, taker, price, size

    def submit(self, name: str, side: str, price: int, size: int, tif: str) -> None:
        found = [r for r in self.resting if r["side"] != side and self._meets(side, price, r["price"])]
        found.sort(key=lambda r: r["price"] if side == BUY else -r["price"])  # stable: time stays second
        if tif == FOK and sum(r["left"] for r in found) < size:
            return
        for maker in found:
            part = min(size, maker["left"])
            if not part:
                break
            self.trades.append((maker["name"], name, maker["price"], part))
            maker["left"] -= part
            size -= part
        self.resting = [r for r in self.resting if r["left"]]
        if size and tif == GTC:
            self.resting.append({"name": name, "side": side, "price": price, "left": size})

    def cancel(self, name: str) -> None:
        self.resting = [r for r in self.resting if r["name"] != name]

    @staticmethod
    def _meets(side: str, limit: int, price: int) -> bool:
        return price <= limit if side == BUY else price >= limit


def engine() -> tuple[Engine, list[Any]]:
    made, events = Engine(7), []
    made.add_market(M)
    made.listeners.append(events.extend)
    return made, events


SUBMIT = st.tuples(
    st.just("submit"), st.sampled_from([BUY, SELL]), st.integers(45, 55), st.integers(1, 9),
    st.sampled_from([GTC, GTC, GTC, IOC, FOK]),
)  # fmt: skip
CANCEL = st.tuples(st.just("cancel"), st.integers(0, 30))
DECREASE = st.tuples(st.just("decrease"), st.integers(0, 30), st.integers(1, 9))
AMEND = st.tuples(st.just("amend"), st.integers(0, 30), st.integers(45, 55), st.integers(1, 9))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(SUBMIT, SUBMIT, SUBMIT, CANCEL), max_size=40))
def test_price_then_time_as_a_naive_engine_has_it(operations: list[Any]) -> None:
    real, events = engine()
    naive = Naive()
    for number, operation in enumerate(operations):
        name = f"n{number}"
        if operation[0] == "submit":
            _, side, cents, size, tif = operation
            real.submit(M, "a", side, cents * CENT, size * ONE, at_ms=number, tif=tif, order_id=name)
            naive.submit(name, side, cents * CENT, size * ONE, tif)
        elif (target := real.orders.get(f"n{operation[1]}")) is not None and target.open:
            real.cancel(target.id, at_ms=number)
            naive.cancel(target.id)
    trades = [(e.maker.id, e.taker.id, e.price, e.size) for e in events if isinstance(e, o.Trade)]
    assert trades == naive.trades
    left = {order.id: order.remaining for order in real.orders.values() if order.open}
    assert left == {r["name"]: r["left"] for r in naive.resting}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.one_of(SUBMIT, SUBMIT, CANCEL, DECREASE, AMEND), st.sampled_from("ab"), st.sampled_from(
            [o.STP_NONE, o.STP_TAKER, o.STP_MAKER])),
        max_size=40,
    )
)  # fmt: skip
def test_nothing_is_made_or_lost_and_events_tell_the_whole_book(operations: list[Any]) -> None:
    real, events = engine()
    real.listeners.append(_check_prices)
    for number, (operation, account, stp) in enumerate(operations):
        try:
            _apply(real, operation, account, stp, number)
        except Rejected:
            continue
        finally:
            _check_book(real)
    bought = sum(x.filled for x in real.orders.values() if x.side == BUY)
    assert bought == sum(x.filled for x in real.orders.values() if x.side == SELL)
    assert bought == sum(e.size for e in events if isinstance(e, o.Trade))
    for order in real.orders.values():
        assert 0 <= order.filled <= order.size
        assert order.remaining == (order.size - order.filled if order.open else 0)
    told: dict[tuple[str, int], int] = {}
    for event in events:
        if isinstance(event, o.LevelChanged):
            assert event.total == told.get((event.side, event.price), 0) + event.delta
            told[event.side, event.price] = event.total
    assert {key: total for key, total in told.items() if total} == {
        (side, price): total for side in (BUY, SELL) for price, total in real.book(M).ladder(side).levels()
    }
    for event in events:
        if isinstance(event, o.Trade) and event.taker.stp:
            assert event.maker.account != event.taker.account


def _apply(real: Engine, operation: Any, account: str, stp: str, at_ms: int) -> None:
    kind = operation[0]
    if kind == "submit":
        _, side, cents, size, tif = operation
        real.submit(
            M, account, side, cents * CENT, size * ONE, at_ms=at_ms, tif=tif, stp=stp, order_id=f"n{at_ms}"
        )
    elif kind == "cancel":
        real.cancel(f"n{operation[1]}", at_ms=at_ms)
    elif kind == "decrease":
        real.decrease(f"n{operation[1]}", at_ms=at_ms, by=operation[2] * ONE)
    else:
        _, target, cents, left = operation
        real.amend(f"n{target}", at_ms=at_ms, price=cents * CENT, remaining=left * ONE)


def _check_prices(batch: list[Any]) -> None:
    """At the resting price, within both limits as they are at this moment (an amend may move them later)."""
    for event in batch:
        if isinstance(event, o.Trade):
            assert event.price == event.maker.price
            assert (
                event.price <= event.taker.price
                if event.taker.side == BUY
                else event.price >= event.taker.price
            )


def _check_book(real: Engine) -> None:
    book = real.book(M)
    assert book.best_bid < book.best_ask
    for side in (BUY, SELL):
        for price, total in book.ladder(side).levels():
            queue = list(book.ladder(side).queue(price))
            assert total == sum(order.remaining for order in queue) > 0
            assert all(order.open and order.side == side and order.price == price for order in queue)


def test_a_trade_happens_at_the_resting_price_and_the_oldest_goes_first() -> None:
    real, _ = engine()
    first = real.submit(M, "a", SELL, 50 * CENT, ONE, at_ms=1)
    second = real.submit(M, "b", SELL, 50 * CENT, ONE, at_ms=2)
    better = real.submit(M, "c", SELL, 49 * CENT, ONE, at_ms=3)
    taker = real.submit(M, "d", BUY, 55 * CENT, 2 * ONE, at_ms=4)
    assert (better.filled, first.filled, second.filled) == (ONE, ONE, 0)
    assert taker.notional == ONE * (49 + 50) * CENT
    assert real.queue_ahead(second.id) == 0


def test_priority_survives_a_decrease_and_is_lost_by_growing_or_moving() -> None:
    real, _ = engine()
    a, b, c = (real.submit(M, name, BUY, 40 * CENT, 3 * ONE, at_ms=1) for name in "abc")
    real.decrease(a.id, at_ms=2, by=ONE)
    assert real.queue_ahead(b.id) == 2 * ONE
    real.amend(a.id, at_ms=3, remaining=5 * ONE)
    assert (real.queue_ahead(b.id), real.queue_ahead(a.id)) == (0, 6 * ONE)
    real.amend(b.id, at_ms=4, price=39 * CENT)
    real.amend(b.id, at_ms=5, price=40 * CENT)
    assert real.queue_ahead(c.id) == 0
    assert real.queue_ahead(b.id) == 8 * ONE


def test_times_in_force() -> None:
    real, _ = engine()
    real.submit(M, "a", SELL, 50 * CENT, 2 * ONE, at_ms=1)
    killed = real.submit(M, "b", BUY, 50 * CENT, 3 * ONE, at_ms=2, tif=FOK)
    assert (killed.closed_reason, killed.filled) == (o.FOK_KILLED, 0)
    part = real.submit(M, "b", BUY, 50 * CENT, 3 * ONE, at_ms=3, tif=IOC)
    assert (part.closed_reason, part.filled) == (o.IOC_REST, 2 * ONE)
    late = real.submit(M, "b", BUY, 50 * CENT, ONE, at_ms=4, tif=GTD, expires_ms=10)
    real.expire(9)
    assert late.open
    real.expire(10)
    assert late.closed_reason == o.EXPIRED


def test_a_budget_bounds_what_is_paid_for_the_owners_outcome() -> None:
    real, _ = engine()
    real.submit(M, "a", BUY, 60 * CENT, 100 * ONE, at_ms=1)
    spent = real.submit(M, "b", SELL, CENT, 100 * ONE, at_ms=2, tif=IOC, budget=10 * ONE, outcome="NO")
    assert spent.filled == 25 * ONE  # NO costs 0.40
    refused = real.submit(M, "b", SELL, CENT, 10**6 * ONE, at_ms=2, tif=FOK, budget=40 * ONE, outcome="NO")
    assert refused.closed_reason == o.FOK_KILLED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"price": 505_000}, "price_off_grid"),
        ({"price": 0}, "price_range"),
        ({"price": ONE}, "price_range"),
        ({"size": 0}, "size_step"),
        ({"size": 15_000}, "size_step"),
        ({"price": 50 * CENT, "post_only": True}, "post_only_cross"),
        ({"tif": GTD, "expires_ms": 5}, "already_expired"),
        ({"order_id": "first"}, "duplicate_order"),
        ({"account": "a", "client_id": "c1"}, "duplicate_client_id"),
        ({"market_id": "other"}, "unknown_market"),
    ],
)
def test_what_is_refused_changes_nothing(change: dict[str, Any], code: str) -> None:
    real, events = engine()
    real.submit(M, "a", SELL, 50 * CENT, ONE, at_ms=1, order_id="first", client_id="c1")
    before = len(events)
    order: dict[str, Any] = {
        "market_id": M,
        "account": "b",
        "side": BUY,
        "price": 40 * CENT,
        "size": ONE,
    } | change
    with pytest.raises(Rejected) as refused:
        real.submit(**order, at_ms=9)
    assert refused.value.code == code
    assert len(events) == before
    assert len(real.orders) == 1


@pytest.mark.parametrize(("state", "code"), [(PAUSED, "market_not_open"), (CLOSED, "market_closed")])
def test_a_market_that_does_not_trade_takes_no_orders(state: str, code: str) -> None:
    real, _ = engine()
    real.set_state(M, state)
    with pytest.raises(Rejected) as refused:
        real.submit(M, "a", BUY, 40 * CENT, ONE, at_ms=1)
    assert refused.value.code == code


def test_a_finer_grid_keeps_orders_and_a_coarser_one_cancels_the_misfits() -> None:
    real, _ = engine()
    fits = real.submit(M, "a", BUY, 40 * CENT, ONE, at_ms=1)
    real.set_bands(M, (o.Band(0, ONE, 1_000),), at_ms=2)
    misfit = real.submit(M, "a", BUY, 401_000, ONE, at_ms=3)
    real.set_bands(M, (o.Band(0, ONE, CENT),), at_ms=4)
    assert fits.open
    assert misfit.closed_reason == o.TICK_CHANGED


def test_a_listener_that_trades_is_heard_after_the_batch_that_woke_it() -> None:
    real, heard = Engine(1), []
    real.add_market(M)

    def follow(batch: list[Any]) -> None:
        heard.append([type(event).__name__ for event in batch])
        if len(heard) == 1:
            real.submit(M, "b", SELL, 40 * CENT, ONE, at_ms=2, tif=IOC)

    real.listeners += [follow, lambda batch: heard.append([len(batch)])]
    real.submit(M, "a", BUY, 40 * CENT, ONE, at_ms=1)
    assert heard[0] == ["OrderAccepted", "LevelChanged"]
    assert heard[1] == [2]
    assert heard[2][:2] == ["OrderAccepted", "Trade"]
