"""A bet entered by hand: states, and the outcomes that pay in them, one a line. Checked by `markets.bets` itself."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms

from markets import bets
from markets.books import NO, YES
from markets.models import Bet, Market
from markets.models.bets import SETTLEMENTS, UNKNOWN
from markets.platforms.base import PLATFORMS

ENTERED_KINDS = (Bet.CUSTOM, Bet.LADDER, Bet.DATE_LADDER, Bet.EXCLUSIVE)
MOST_TEXT = 50_000
_LINE = re.compile(rf"({'|'.join(PLATFORMS)})\s*:\s*(\S+)\s+(YES|NO)\s*:\s*(.*)", re.IGNORECASE)


class BetForm(forms.Form):
    """The form of a bet by hand; `value` is the bet it describes, once it is valid."""

    bet_id = forms.RegexField(
        r"^[A-Za-z0-9_.:-]{1,120}$",
        label="Id",
        help_text="Letters, digits and . _ : -; the prefix hand: is added.",
    )
    name = forms.CharField(max_length=500, help_text="The question, in one sentence.")
    kind = forms.ChoiceField(choices=[(kind, kind) for kind in ENTERED_KINDS])
    states = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 5, "cols": 60}), max_length=MOST_TEXT,
        help_text="One state of the world a line: exactly one of them comes true, whatever happens.",
    )  # fmt: skip
    outcomes = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 8, "cols": 100}), max_length=MOST_TEXT,
        help_text="One outcome a line, with the states in which it pays: kalshi:KXRAIN-26 YES: rain | snow",
    )  # fmt: skip
    exhaustive = forms.BooleanField(required=False, label="One of these states must come true")
    settlement = forms.ChoiceField(choices=[(word, word) for word in SETTLEMENTS], initial=UNKNOWN)
    note = forms.CharField(max_length=2_000, required=False, widget=forms.TextInput(attrs={"size": 80}))

    value: bets.Bet

    def clean(self) -> Mapping[str, Any]:
        """The lines as a bet, with every fault in a clear sentence."""
        found = super().clean() or {}
        if self.errors:
            return found
        states = tuple(line.strip() for line in found["states"].splitlines() if line.strip())
        claims = []
        for number, line in enumerate(found["outcomes"].splitlines(), 1):
            if line.strip():
                claim = _claim(line.strip())
                if isinstance(claim, str):
                    self.add_error("outcomes", f"Line {number}: {claim}")
                else:
                    claims.append(claim)
        self.value = bets.Bet(
            f"hand:{found['bet_id']}", found["kind"], states, found["exhaustive"], tuple(claims)
        )
        for fault in self.value.faults:
            self.add_error(None, f"{fault.sentence[:1].upper()}{fault.sentence[1:]}.")
        self._check_markets()
        return found

    def _check_markets(self) -> None:
        wanted = {market_id: platform for platform, market_id in self.value.markets}
        known = dict(Market.objects.filter(pk__in=wanted).values_list("id", "platform"))
        for market_id, platform in wanted.items():
            if known.get(market_id) != platform:
                self.add_error("outcomes", f"{market_id} is no {platform} market that is known here.")
        if len(self.value.claims) < 2:
            self.add_error("outcomes", "A bet needs at least two outcomes.")


def _claim(line: str) -> bets.Claim | str:
    found = _LINE.fullmatch(line)
    if found is None:
        return "write it like kalshi:KXRAIN-26 YES: rain | snow"
    platform, market_id, outcome, states = found.groups()
    pays = frozenset(state.strip() for state in states.split("|") if state.strip())
    return bets.Claim(platform.lower(), market_id, YES if outcome.upper() == YES else NO, pays)
