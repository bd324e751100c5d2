"""Order groups: Kalshi itself cancels our resting orders, and refuses new ones, when too much matches within 15 seconds.

One group per shard, shared by all our processes: it is found again by its limit, so that a restart makes no second one.
A group that has triggered refuses every order of ours until a person resets it.
"""

import threading
from decimal import Decimal

import msgspec

from markets.platforms.base import Malformed, PlatformError
from markets.platforms.kalshi import account_wire as wire
from markets.platforms.kalshi.http import segment
from markets.platforms.kalshi.orders import UNREADABLE
from markets.platforms.kalshi.private_http import PrivateHttp, Reply, said
from markets.platforms.kalshi.reports import number

PATH = "/portfolio/order_groups"


class OrderGroups:
    """The groups of one account. `contracts` is the limit in 15 seconds; 0 switches groups off."""

    def __init__(self, http: PrivateHttp, contracts: int) -> None:
        self._http = http
        self._contracts = contracts
        self._known: dict[int, str] = {}  # by shard
        self._lock = threading.Lock()

    @property
    def wanted(self) -> bool:
        """Whether orders are put into groups at all."""
        return self._contracts > 0

    def of(self, shard: int) -> str:
        """The group of a shard, found or made at the first order there. Raises PlatformError."""
        found = self._known.get(shard)
        if found is not None:
            return found
        with self._lock:
            if shard not in self._known:
                self._known.update(self._existing())
            if shard not in self._known:
                self._known[shard] = self._create(shard)
            return self._known[shard]

    def forget(self) -> None:
        """Look for the groups anew at the next order: Kalshi does not know one that we knew."""
        with self._lock:
            self._known.clear()

    def all(self) -> dict[int, str]:
        """Our groups by shard, as Kalshi has them now. Raises PlatformError."""
        return self._existing() if self.wanted else {}

    def trigger(self) -> list[str]:
        """Kill switch: cancel what rests in our groups and have Kalshi refuse more until `reset`; which groups.

        Raises PlatformError where one of them did not confirm, after all were tried.
        """
        return self._each("PUT", "/trigger", cost=10)

    def reset(self) -> list[str]:
        """Let our groups take orders again. Raises PlatformError as `trigger` does."""
        return self._each("PUT", "/reset", cost=10)

    def delete(self) -> list[str]:
        """Remove our groups; their orders are cancelled. Raises PlatformError as `trigger` does."""
        done = self._each("DELETE", "", cost=10)
        self.forget()
        return done

    def set_limit(self, contracts: int) -> list[str]:
        """Another limit for our groups. Raises PlatformError as `trigger` does."""
        done = self._each("PUT", "/limit", cost=10, body={"contracts_limit_fp": f"{contracts}.00"})
        self._contracts = contracts
        return done

    def _each(self, method: str, end: str, *, cost: int, body: dict[str, str] | None = None) -> list[str]:
        done, failed = [], []
        for shard, group in sorted(self.all().items()):
            outcome = self._http.send(
                method, f"{PATH}/{segment(group)}{end}", {} if body is None else body, cost=cost,
                subaccount=self._http.subaccount, exchange_index=shard,
            )  # fmt: skip
            if isinstance(outcome, Reply) and outcome.status == 200:
                done.append(group)
            else:
                failed.append(f"shard {shard}: {said(outcome)}")
        if failed:
            raise PlatformError(
                f"Kalshi did not confirm {method} {end or 'of the group'}: {'; '.join(failed)}"
            )
        return done

    def _existing(self) -> dict[int, str]:
        rows = self._http.mine(wire.Groups, PATH).order_groups or ()
        try:
            ours = [
                row
                for row in rows
                if row.contracts_limit_fp and number(row.contracts_limit_fp) == Decimal(self._contracts)
            ]
        except ValueError as error:
            raise Malformed(f"Kalshi's order groups: {error}") from error
        return {row.exchange_index or 0: row.id for row in reversed(ours)}

    def _create(self, shard: int) -> str:
        body = {
            "contracts_limit_fp": f"{self._contracts}.00", "exchange_index": shard, "subaccount": self._http.subaccount,
        }  # fmt: skip
        outcome = self._http.send("POST", f"{PATH}/create", body)
        if not isinstance(outcome, Reply) or outcome.status != 201:
            raise PlatformError(f"Kalshi makes no order group on shard {shard}: {said(outcome)}")
        try:
            return msgspec.json.decode(outcome.raw, type=wire.GroupMade).order_group_id
        except UNREADABLE as error:
            raise Malformed(f"Kalshi's answer to a new order group cannot be read: {error}") from error
