"""Which way a headline speaks for a market's YES, and how strongly. Relative to the question, never to the world.

Five kinds of question, five rules: a price or figure against a bound and a central bank's decision (`figures`),
an act that happens or not, relegation and the like, and a contest that somebody wins (`contests`). What no rule settles is
0, and so is what is said under a condition: no opinion is better than a wrong one. The tables are `data/cues.yaml`.
"""

from collections.abc import Sequence

from markets.matching.facts import Facts
from markets.matching.polarity import Polarity
from signals.language import contests, figures, tables, texts
from signals.language.figures import NOTHING, VALUED, Opinion
from signals.language.items import Items, kinds
from signals.language.texts import Said

_HARM = frozenset(["relegate"])


def of(said: Said, items: Items, shared: Sequence[str]) -> Opinion:
    """1, -1 or 0, a strength from 0 to 1, and why. `shared` are the subjects and contexts that both name."""
    if texts.phrases(said.flat, tables.words("cues.yaml", "conditionals")):
        return NOTHING
    sign, strength, why = _plain(said, items, shared)
    if sign and turned(items.facts):
        return -sign, strength, f"{why}, and the question is turned"
    if items.facts.main.polarity is Polarity.UNCLEAR:
        return NOTHING
    return sign, strength, why


def turned(facts: Facts) -> bool:
    """Whether YES means that what the title tells does not happen: by its own `not`, or by its rules."""
    return facts.negated != (facts.main.polarity is Polarity.SWAPPED)


def _plain(said: Said, items: Items, shared: Sequence[str]) -> Opinion:
    facts = items.facts
    if items.either:
        return NOTHING
    if any(key.startswith("policy:") for key in items.subjects):
        return figures.decision(said, items)
    acts = facts.kinds.get("act", set())
    if any(key.startswith(VALUED) for key in items.subjects) and not acts:
        return figures.figure(said, items)
    if not acts & _HARM and any(bound.low != bound.high for bound in items.bounds):
        opinion = figures.figure(said, items)
        if opinion[0] or figures.heard(said, items):
            return opinion
    if acts & _HARM:
        return contests.harm(said, items, shared)
    if acts & kinds("acts") and not facts.kinds.keys() & {"stage", "title", "league"}:
        return contests.act(said, items)
    return contests.contest(said, items, shared)
