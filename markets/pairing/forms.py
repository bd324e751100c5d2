"""What the pairs' pages send: a pair by hand, and a decision with its note, settlement and `m0`."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils import timezone

from markets.models import Pair
from markets.models.bets import SETTLEMENTS, UNKNOWN
from markets.pairing import pairs
from markets.platforms.base import KALSHI, POLYMARKET

SAME, INVERTED, REJECT, SUSPEND = "same", "inverted", "reject", "suspend"
DECISIONS = (SAME, INVERTED, REJECT, SUSPEND)


class PairForm(forms.ModelForm):
    """A pair proposed by hand."""

    settlement = forms.ChoiceField(choices=[(word, word) for word in SETTLEMENTS], initial=UNKNOWN)

    class Meta:
        model = Pair
        fields = ["polymarket", "kalshi", "inverted", "settlement", "m0_by_hand", "note"]
        labels = {"m0_by_hand": "m0 at least"}

    def clean(self) -> dict[str, Any]:
        """Each side must be of its platform."""
        found = super().clean() or {}
        for name in (POLYMARKET, KALSHI):
            market = found.get(name)
            if market is not None and market.platform != name:
                self.add_error(name, f"This market is on {market.platform}.")
        m0 = found.get("m0_by_hand")
        if m0 is not None and not 0 <= m0 < 1:
            self.add_error("m0_by_hand", "The chance that it pays nothing is a fraction from 0 to below 1.")
        return found


def decide(pair: Pair, decision: str, user: Any, form: Any) -> None:
    """One decision on one pair, with the fields of a form. Raises PairError where it cannot be; nothing changes then."""
    now, note, shown = timezone.now(), str(form.get("note", "")).strip(), str(form.get("digest", ""))
    if decision == REJECT:
        pairs.reject(pair, user, now=now, note=note, shown_digest=shown)
    elif decision == SUSPEND:
        pairs.suspend(pair, user, now=now, note=note, shown_digest=shown)
    else:
        pairs.approve(
            pair, user, now=now, note=note, inverted=decision == INVERTED, shown_digest=shown,
            settlement=str(form.get("settlement", "")), m0=fraction(form.get("m0")),
        )  # fmt: skip


def fraction(text: Any) -> Decimal | None:
    """The field `m0` of a form; None where it is empty. Raises PairError for what is no number."""
    if text is None or str(text).strip() == "":
        return None
    try:
        return Decimal(str(text).strip())
    except InvalidOperation as error:
        raise pairs.PairError("m0 must be a number, like 0.01.") from error
