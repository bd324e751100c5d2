"""Gamma: discovery of markets and events, by keyset cursor or (the old way) by offset, with the platform's filters."""

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from markets.platforms.base import POLYMARKET, SETTLED
from markets.platforms.polymarket.units import to_micro
from markets.sandbox.market import SandboxEvent, SandboxMarket
from markets.sandbox.polymarket import gamma_records as records
from markets.sandbox.polymarket.answers import Answer, Refusal, Request, ok
from markets.sandbox.polymarket.door import Endpoint
from markets.sandbox.polymarket.face import Face

MAX_MARKETS, MAX_EVENTS, DEFAULT_LIMIT, LAST_OFFSET = 100, 500, 20, 2_100
MAX_VALUES = 100  # of one repeated parameter

Key = tuple[Any, int]
Test = Callable[[SandboxMarket], bool]


# --- endpoints


def markets_keyset(face: Face, request: Request) -> Answer:
    """GET /markets/keyset"""
    rows, cursor = _keyset(request, list(_markets(face, request)), _market_key(face, request), MAX_MARKETS)
    tags = request.one("include_tag") == "true"
    shown = [records.market_record(face, market, tags=tags) for market in rows]
    return ok({"markets": shown, **({"next_cursor": cursor} if cursor else {})})


def events_keyset(face: Face, request: Request) -> Answer:
    """GET /events/keyset"""
    rows, cursor = _keyset(request, list(_events(face, request)), _event_key(face, request), MAX_EVENTS)
    shown = [records.event_record(face, event) for event in rows]
    return ok({"events": shown, **({"next_cursor": cursor} if cursor else {})})


def markets_list(face: Face, request: Request) -> Answer:
    """GET /markets: a bare array, by offset"""
    rows = _by_offset(request, list(_markets(face, request)), _market_key(face, request), MAX_EVENTS)
    tags = request.one("include_tag") == "true"
    return ok([records.market_record(face, market, tags=tags) for market in rows])


def events_list(face: Face, request: Request) -> Answer:
    """GET /events: a bare array, by offset"""
    rows = _by_offset(request, list(_events(face, request)), _event_key(face, request), MAX_EVENTS)
    return ok([records.event_record(face, event) for event in rows])


def market_by_id(face: Face, request: Request) -> Answer:
    """GET /markets/{id}"""
    return _one_market(face, face.sandbox.world.gamma_ids.get(request.args[0]))


def market_by_slug(face: Face, request: Request) -> Answer:
    """GET /markets/slug/{slug}"""
    return _one_market(face, face.sandbox.world.slugs.get(request.args[0]))


def event_by_id(face: Face, request: Request) -> Answer:
    """GET /events/{id}"""
    return _one_event(face, face.sandbox.world.events.get((POLYMARKET, request.args[0])))


def event_by_slug(face: Face, request: Request) -> Answer:
    """GET /events/slug/{slug}"""
    found = (e for e in face.sandbox.world.events_on(POLYMARKET) if e.slug == request.args[0])
    return _one_event(face, next(found, None))


def tags(face: Face, request: Request) -> Answer:
    """GET /tags"""
    rows = [records.tag_of(name) for name in _categories(face)]
    return ok(rows[_whole(request, "offset", 0) :][: min(_whole(request, "limit", 100), 100)])


def tag(face: Face, request: Request) -> Answer:
    """GET /tags/{id} and /tags/slug/{slug}"""
    for name in _categories(face):
        found = records.tag_of(name)
        if request.args[0] in (found["id"], found["slug"]):
            return ok(found)
    raise Refusal(404, "tag not found", type="not found error")


def search(face: Face, request: Request) -> Answer:
    """GET /public-search"""
    wanted = request.one("q").lower()
    if not wanted:
        raise Refusal(422, "q is required", type="validation error")
    limit = _whole(request, "limit_per_type", 10)
    found = [e for e in face.sandbox.world.events_on(POLYMARKET) if wanted in e.title.lower()]
    shown = [records.event_record(face, event) for event in found[:limit]]
    more = {"hasMore": len(found) > limit, "totalResults": len(found)}
    return ok({"events": shown, "tags": [], "profiles": [], "pagination": more})


def nothing(face: Face, request: Request) -> Answer:
    """Listings of which the sandbox has none."""
    return ok([])


def geoblock(face: Face, request: Request) -> Answer:
    """GET /api/geoblock: on the platform this is another host"""
    blocked = face.sandbox.config.polymarket_blocked
    place = ("US", "NY") if blocked else ("IE", "L")
    return ok({"blocked": blocked, "ip": "127.0.0.1", "country": place[0], "region": place[1]})


ENDPOINTS = [
    Endpoint("GET /markets/keyset", markets_keyset, limits=("gamma_markets",)),
    Endpoint("GET /events/keyset", events_keyset, limits=("gamma_events",)),
    Endpoint("GET /markets", markets_list, limits=("gamma_markets",)),
    Endpoint("GET /events", events_list, limits=("gamma_events",)),
    Endpoint("GET /markets/slug/{slug}", market_by_slug, limits=("gamma_markets",)),
    Endpoint("GET /events/slug/{slug}", event_by_slug, limits=("gamma_events",)),
    Endpoint("GET /markets/{id}", market_by_id, limits=("gamma_markets",)),
    Endpoint("GET /events/{id}", event_by_id, limits=("gamma_events",)),
    Endpoint("GET /tags", tags, limits=("gamma_tags",)),
    Endpoint("GET /tags/slug/{slug}", tag, limits=("gamma_tags",)),
    Endpoint("GET /tags/{id}", tag, limits=("gamma_tags",)),
    Endpoint("GET /public-search", search, limits=("gamma_search",)),
    Endpoint("GET /series", nothing),
    Endpoint("GET /teams", nothing),
    Endpoint("GET /sports", nothing),
    Endpoint("GET /comments", nothing),
    Endpoint("GET /api/geoblock", geoblock),
]


# --- filters


def _markets(face: Face, request: Request) -> Iterator[SandboxMarket]:
    world = face.sandbox.world
    tests = _tests(face, request)
    chosen: Iterable[SandboxMarket] = world.on(POLYMARKET)
    wanted = request.many("condition_ids")
    if wanted:  # most callers ask for a few markets by id: no walk through all of them
        found = [market for one in wanted[:MAX_VALUES] if (market := face.market(one)) is not None]
        chosen = list(dict.fromkeys(found))  # an id of Protocol V2 may be asked for in both spellings
    return (market for market in chosen if all(test(market) for test in tests))


def _tests(face: Face, request: Request) -> list[Test]:
    """One test for each filter that was given."""
    r, tests = request, [_flag_test(request)]
    names: dict[str, Callable[[SandboxMarket], set[str]]] = {
        "id": lambda m: {m.p.gamma_id},
        "slug": lambda m: {m.p.slug},
        "condition_ids": lambda m: {m.id, m.id[:-2]} if m.p.version == "v2" else {m.id},
        "question_ids": lambda m: {m.p.question_id},
        "clob_token_ids": lambda m: set(m.p.token_ids) if m.p.version == "v1" else set(),
        "position_ids": lambda m: set(m.p.token_ids) if m.p.version == "v2" else set(),
        "tag_id": lambda m: {records.tag_of(m.category)["id"]},
        "uma_resolution_status": lambda m: {records.uma_status(m)},
        "resolution_status": lambda m: {"resolved" if m.state == SETTLED else "active"},
        "version": lambda m: {m.p.version},
    }
    for name, values in names.items():
        wanted = set(r.many(name)[:MAX_VALUES])
        if wanted:
            tests.append(_among(values, wanted))
    numbers: dict[str, Callable[[SandboxMarket], int]] = {
        "end_date": lambda m: m.close_ms,
        "start_date": lambda m: m.open_ms,
        "volume_num": records.volume,
        "liquidity_num": lambda m: records.liquidity(face, m),
    }
    for name, value in numbers.items():
        read = _moment if name.endswith("date") else _amount
        low, high = r.one(f"{name}_min"), r.one(f"{name}_max")
        if low or high:
            tests.append(_between(value, read(low) if low else None, read(high) if high else None))
    return tests


def _between(value: Callable[[SandboxMarket], int], low: int | None, high: int | None) -> Test:
    return lambda market: (low is None or value(market) >= low) and (high is None or value(market) <= high)


def _among(values: Callable[[SandboxMarket], set[str]], wanted: set[str]) -> Test:
    return lambda market: bool(values(market) & wanted)


def _flag_test(request: Request) -> Test:
    """`closed` is false unless asked for; `active` and `archived` as given."""
    closed = request.one("closed", "false") == "true"
    if request.one("archived") == "true":
        return lambda market: False
    active = request.one("active")
    return lambda market: (
        records.is_closed(market) == closed
        and (not active or (active == "true") == (market.state != "UNOPENED"))
    )


def _events(face: Face, request: Request) -> Iterator[SandboxEvent]:
    closed = request.one("closed", "false") == "true"
    ids, slugs = set(request.many("id")), set(request.many("slug"))
    tag_ids, tag_slugs = set(request.many("tag_id")), set(request.many("tag_slug"))
    title = request.one("title_search").lower()
    first, last = request.one("end_date_min"), request.one("end_date_max")
    for event in face.sandbox.world.events_on(POLYMARKET):
        kind = records.tag_of(event.category)
        if (
            all(records.is_closed(face.sandbox.world.markets[one]) for one in event.market_ids) == closed
            and (not ids or event.id in ids)
            and (not slugs or event.slug in slugs)
            and (not tag_ids or kind["id"] in tag_ids)
            and (not tag_slugs or kind["slug"] in tag_slugs)
            and title in event.title.lower()
            and (not first or event.close_ms >= _moment(first))
            and (not last or event.close_ms <= _moment(last))
        ):
            yield event


# --- order and pages


def _market_key(face: Face, request: Request) -> Callable[[SandboxMarket], Key]:
    keys: dict[str, Callable[[SandboxMarket], Any]] = {
        "volumeNum": records.volume,
        "volume24hr": records.volume,
        "volume": lambda m: str(records.volume(m)),  # sorts as text, as the platform does
        "liquidityNum": lambda m: records.liquidity(face, m),
        "liquidity": lambda m: str(records.liquidity(face, m)),
        "endDate": lambda m: m.close_ms,
        "startDate": lambda m: m.open_ms,
        "createdAt": lambda m: m.created_ms,
        "updatedAt": lambda m: m.updated_ms,
        "": lambda m: 0,
        "id": lambda m: 0,
    }
    return _key(keys, request, lambda market: market.listed)


def _event_key(face: Face, request: Request) -> Callable[[SandboxEvent], Key]:
    markets = face.sandbox.world.markets
    keys: dict[str, Callable[[SandboxEvent], Any]] = {
        "volume": lambda e: sum(records.volume(markets[one]) for one in e.market_ids),
        "volume24hr": lambda e: sum(records.volume(markets[one]) for one in e.market_ids),
        "liquidity": lambda e: sum(records.liquidity(face, markets[one]) for one in e.market_ids),
        "endDate": lambda e: e.close_ms,
        "startDate": lambda e: e.created_ms,
        "createdAt": lambda e: e.created_ms,
        "": lambda e: 0,
        "id": lambda e: 0,
    }
    return _key(keys, request, lambda event: markets[event.market_ids[0]].listed)


def _key(keys: dict[str, Any], request: Request, listed: Callable[[Any], int]) -> Callable[[Any], Key]:
    value = keys.get(request.one("order"))
    if value is None:
        raise Refusal(422, "order fields are not valid", type="validation error")
    return lambda row: (value(row), listed(row))


def _keyset(request: Request, rows: list[Any], key: Callable[[Any], Key], most: int) -> tuple[list[Any], str]:
    """One page and the cursor of the next: the key of its last row, so that rows may come and go in between."""
    if "offset" in request.query:
        raise Refusal(422, "offset is not supported, use after_cursor", type="validation error")
    limit = min(max(_whole(request, "limit", DEFAULT_LIMIT), 1), most)
    rising = request.one("ascending", "true") != "false"
    keyed = sorted(((key(row), row) for row in rows), key=lambda pair: pair[0], reverse=not rising)
    after = request.one("after_cursor")
    if after:
        last = _cursor_key(after)
        keyed = [pair for pair in keyed if (pair[0] > last if rising else pair[0] < last)]
    cursor = ""
    if len(keyed) > limit:
        cursor = base64.urlsafe_b64encode(msgspec.json.encode(keyed[limit - 1][0])).decode()
    return [row for _, row in keyed[:limit]], cursor


def _cursor_key(cursor: str) -> Key:
    try:
        value, listed = msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=tuple[int | str, int])
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise Refusal(422, "invalid cursor", type="validation error") from error
    return value, listed


def _by_offset(request: Request, rows: list[Any], key: Callable[[Any], Key], most: int) -> list[Any]:
    limit = min(max(_whole(request, "limit", DEFAULT_LIMIT), 0), most)
    offset = _whole(request, "offset", 0)
    if offset > LAST_OFFSET:
        return []
    rows.sort(key=key, reverse=request.one("ascending", "true") == "false")
    return rows[offset : offset + limit]


# --- small parts


def _one_market(face: Face, market: SandboxMarket | None) -> Answer:
    if market is None:
        raise Refusal(404, "id not found", type="not found error")
    return ok(records.market_record(face, market, tags=True))


def _one_event(face: Face, event: SandboxEvent | None) -> Answer:
    if event is None:
        raise Refusal(404, "id not found", type="not found error")
    return ok(records.event_record(face, event))


def _categories(face: Face) -> list[str]:
    return sorted({event.category for event in face.sandbox.world.events_on(POLYMARKET)})


def _whole(request: Request, name: str, default: int) -> int:
    given = request.one(name)
    if not given:
        return default
    if not given.isdecimal():
        raise Refusal(422, f"{name} is not a number", type="validation error")
    return int(given)


def _moment(given: str) -> int:
    try:
        at = datetime.fromisoformat(given)
    except ValueError as error:
        raise Refusal(422, f"{given} is not a date", type="validation error") from error
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _amount(given: str) -> int:
    try:
        return to_micro(given)
    except ValueError as error:
        raise Refusal(422, f"{given} is not a number", type="validation error") from error
