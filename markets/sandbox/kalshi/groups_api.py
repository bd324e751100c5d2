"""Order groups over REST."""

from typing import Any

from markets.sandbox.kalshi import formats as f
from markets.sandbox.kalshi.accounts import notes_of
from markets.sandbox.kalshi.call import Answer, Call, Endpoint
from markets.sandbox.kalshi.errors import not_found, refused
from markets.sandbox.kalshi.groups import Group
from markets.sandbox.kalshi.limits import WRITE

CONTRACT = 1_000_000


def create(call: Call) -> Answer:
    """POST /portfolio/order_groups/create"""
    body = call.body()
    wanted = f.read_integer(body, "subaccount", 0) if "subaccount" in body else None
    shard = f.read_integer(body, "exchange_index", 0)
    group = Group(call.exchange.engine.new_id(), _limit(body), call.allowed_subaccount(wanted), shard)
    call.user.groups[group.id] = group
    call.exchange.hub.group(call.user, group, "created", call.now_ms)
    answer = {"order_group_id": group.id, "subaccount": group.subaccount, "exchange_index": group.shard}
    return 201, answer


def groups(call: Call) -> Answer:
    """GET /portfolio/order_groups"""
    subaccount = call.subaccount()
    found = [_facts(group) for group in call.user.groups.values() if group.subaccount == subaccount]
    return 200, {"order_groups": found}


def group(call: Call) -> Answer:
    """GET /portfolio/order_groups/{order_group_id}"""
    found = _find(call)
    members = []
    for order in call.exchange.engine.open_orders(call.user.name):
        notes = notes_of(order)
        if notes is not None and notes.group == found.id:
            members.append(order.id)
    facts = _facts(found)
    del facts["id"]
    return 200, {**facts, "orders": members}


def delete(call: Call) -> Answer:
    """DELETE /portfolio/order_groups/{order_group_id}: its orders are cancelled."""
    found = _find(call)
    call.exchange.trigger(call.user, found, call.now_ms)
    del call.user.groups[found.id]
    call.exchange.hub.group(call.user, found, "deleted", call.now_ms)
    return 200, {}


def reset(call: Call) -> Answer:
    """PUT /portfolio/order_groups/{order_group_id}/reset"""
    found = _find(call)
    found.reset()
    call.exchange.hub.group(call.user, found, "reset", call.now_ms)
    return 200, {}


def trigger(call: Call) -> Answer:
    """PUT /portfolio/order_groups/{order_group_id}/trigger: cancel everything in it now."""
    call.exchange.trigger(call.user, _find(call), call.now_ms)
    return 200, {}


def limit(call: Call) -> Answer:
    """PUT /portfolio/order_groups/{order_group_id}/limit"""
    found = _find(call)
    found.limit = _limit(call.body())
    call.exchange.hub.group(call.user, found, "limit_updated", call.now_ms)
    return 200, {}


def _find(call: Call) -> Group:
    found = call.user.groups.get(call.args["order_group_id"])
    if found is None:
        raise not_found()
    return found


def _limit(body: dict[str, Any]) -> int:
    if body.get("contracts_limit_fp") is not None:
        found = f.read_count(body, "contracts_limit_fp")
    else:
        found = f.read_integer(body, "contracts_limit") * CONTRACT
    if not CONTRACT <= found <= 1_000_000 * CONTRACT:
        raise refused(400, "invalid_parameters")
    return found


def _facts(found: Group) -> dict[str, Any]:
    return {
        "id": found.id, "contracts_limit_fp": f.count(found.limit), "is_auto_cancel_enabled": True,
        "exchange_index": found.shard,
    }  # fmt: skip


ONE = "/portfolio/order_groups/:order_group_id"
ENDPOINTS = (
    Endpoint("POST", "/portfolio/order_groups/create", create, private=True, bucket=WRITE),
    Endpoint("GET", "/portfolio/order_groups", groups, private=True),
    Endpoint("GET", ONE, group, private=True),
    Endpoint("DELETE", ONE, delete, private=True, bucket=WRITE),
    Endpoint("PUT", f"{ONE}/reset", reset, private=True, bucket=WRITE),
    Endpoint("PUT", f"{ONE}/trigger", trigger, private=True, bucket=WRITE),
    Endpoint("PUT", f"{ONE}/limit", limit, private=True, bucket=WRITE),
)
