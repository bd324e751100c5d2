"""Reading a text: see `base.Reading`.

What it says is plain (`texts`, `mentions`, `sentiment`, `weighing`); which markets it is about comes from the live index
(`linking`).
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from signals.language import linking, mentions, sentiment, signs, tables, texts, weighing
from signals.language.base import Link, Reading
from signals.language.tables import Entity
from signals.language.texts import Said

MOST_HINTS, LONGEST_HINT = 20, 60  # of what a source adds
MOST_TOPICS, MOST_ENTITIES = 12, 20


def read(
    title: str, summary: str = "", *, hints: tuple[str, ...] = (), outlet: str = "", now: datetime
) -> Reading:
    """What a headline with its summary says, and which markets it is about."""
    return read_with(partial(linking.of, now=now), title, summary, hints=hints, outlet=outlet, now=now)


def read_with(
    find: Callable[[Said], tuple[Link, ...]],
    title: str,
    summary: str = "",
    *,
    hints: tuple[str, ...] = (),
    outlet: str = "",
    now: datetime,
) -> Reading:
    """The same with whatever finds the markets of a text that was read."""
    hints = tuple(hint[:LONGEST_HINT] for hint in hints[:MOST_HINTS])
    said = texts.read(title, summary, at=now)
    if not said.title:
        return Reading()
    _add_hints(said, hints)
    return _reading(said, title, summary, hints, outlet, find(said))


def _reading(
    said: Said, title: str, summary: str, hints: tuple[str, ...], outlet: str, links: tuple[Link, ...]
) -> Reading:
    both = f"{title[: texts.LONGEST_TITLE]} . {summary[: texts.LONGEST_SUMMARY]}"
    known = tables.document("topics.yaml").keys()
    topics = mentions.topics(both, said.entities)
    topics = tuple(dict.fromkeys((*topics, *(hint.lower() for hint in hints if hint.lower() in known))))
    score = sentiment.of(title[: texts.LONGEST_TITLE], summary[: texts.LONGEST_SUMMARY])
    weight = weighing.weigh(said, topics, score, outlet, hints)
    return Reading(
        topics[:MOST_TOPICS], tuple(entity.name for entity in said.entities)[:MOST_ENTITIES], sentiment.word(score), score,
        weight.urgency, weight.impact, links, _understood(said, title, weight.why),
    )  # fmt: skip


def _add_hints(said: Said, hints: Iterable[str]) -> None:
    """What the source itself says it is about, where we know it by name."""
    named: list[Entity] = list(said.entities)
    for hint in hints:
        for entity in mentions.entities(hint):
            if entity not in named:
                named.append(entity)
                for fact in entity.facts:
                    kind, _, value = fact.partition(":")
                    said.kinds.setdefault(kind, set()).add(value)
    said.entities = tuple(named)


def _understood(said: Said, title: str, weighed: Iterable[str]) -> dict[str, str]:
    """For people: verb and measure, numbers, dates, and what made it urgent. Empty ones are left out."""
    found = {
        "said": "; ".join(finding.words for finding in signs.read(title)),
        "numbers": "; ".join(str(bound) for bound in said.bounds),
        "dates": "; ".join(str(window) for window in said.when.windows),
        "weighed": ", ".join(weighed),
    }
    return {name: text[:200] for name, text in found.items() if text}
