"""What bears on findings at this moment: standing claims and scheduled events, of all markets in one round trip."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.conf import settings

from arbsite import keys
from arbsite.connections import redis_client
from markets.bets import MarketKey
from signals.correlating import standing
from signals.correlating.standing import Standing
from signals.deciding import joining, tracks
from signals.deciding.doubts import Evidence
from signals.deciding.joining import Belief, Joined
from signals.findings import Finding
from signals.sources.calendar import guards
from signals.sources.calendar.guards import Guard


@dataclass(frozen=True, slots=True)
class Heard:
    """What stands for some markets, and the guards in force; markets without anything are left out."""

    standings: dict[MarketKey, tuple[Standing, ...]] = field(default_factory=dict)
    guards: dict[MarketKey, tuple[Guard, ...]] = field(default_factory=dict)


def of(markets: Iterable[MarketKey], *, now_ms: int) -> Heard:
    """What `standing.of` and `guards.of` say, both at once."""
    wanted = list(dict.fromkeys(markets))
    if not wanted:
        return Heard()
    values = redis_client().mget(
        [keys.evidence(*market) for market in wanted] + [keys.guards(*market) for market in wanted]
    )
    said, scheduled = values[: len(wanted)], values[len(wanted) :]
    heard = Heard()
    for market, claims, events in zip(wanted, said, scheduled, strict=True):
        rows = standing.read(market, claims, now_ms)
        in_force = guards.read(market, events, now_ms)
        if rows:
            heard.standings[market] = rows
        if in_force:
            heard.guards[market] = in_force
    return heard


def on(finding: Finding, heard: Heard, seen: Evidence, *, now_ms: int) -> Joined:
    """What all that does to a finding, by the settings."""
    if not heard.standings and not heard.guards:
        return joining.NEUTRAL
    return joining.join(finding, heard.standings, heard.guards, belief(), now_ms, seen)


def prices(markets: Iterable[MarketKey], heard: Heard, *, now_ms: int) -> Evidence:
    """The recent mids of these markets, as far back as the oldest claim that prices may have answered."""
    claimed = [row.happened_ms for rows in heard.standings.values() for row in rows if row.direction]
    if not claimed:
        return tracks.recent(markets, now_ms)
    return tracks.recent(markets, now_ms, since_ms=min(claimed))


def belief() -> Belief:
    """How far the settings let evidence be believed."""
    config = settings.ARBSITE.evidence
    return Belief(
        veto_probability=float(config.veto_probability),
        shrink_least=config.shrink_least,
        most_hurdle=config.most_hurdle,
        enlarge_above=float(config.enlarge_above),
        enlarge_most=config.enlarge_most,
    )


def markets_of(findings: Iterable[Finding]) -> list[MarketKey]:
    """The markets of these findings' legs, each once."""
    return list(dict.fromkeys((leg.platform, leg.market_id) for finding in findings for leg in finding.legs))
