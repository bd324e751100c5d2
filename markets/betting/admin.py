"""Bets in the admin: any bet as a table of states and outcomes, proposed ones decided, new ones by hand."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from arbsite.admin import ReadOnlyAdmin, link, list_link, pretty, words
from markets.betting import decisions as bet_decisions
from markets.betting.forms import BetForm
from markets.models import Bet, BetVersion, Event, Pair
from markets.models.bets import SETTLEMENTS
from markets.pairing.forms import fraction
from markets.pairing.pairs import PairError


@admin.register(Bet)
class BetAdmin(ReadOnlyAdmin):
    """States of the world, and what pays in them. Only an active bet is detected."""

    list_display = [
        "short_id",
        "kind",
        "name",
        "status",
        "origin",
        "settlement",
        "m0",
        "updated_at",
        "signals",
    ]
    list_filter = [
        words("status", Bet.STATES),
        words("kind", Bet.KINDS),
        words("origin", Bet.ORIGINS),
        words("settlement", SETTLEMENTS),
    ]
    search_fields = ["id", "name"]
    ordering = ["-updated_at"]
    change_list_template = "admin/markets/bet/change_list.html"
    change_form_template = "admin/markets/bet/change_form.html"
    fields = [
        "id", "kind", "name", "exhaustive", "status", "origin", "settlement", "m0", "m0_upper", "read_by_person",
        "suspended_why", "pair_link", "event_link", "parts_text", "signals", "versions_link", "digest", "created_at",
        "updated_at",
    ]  # fmt: skip
    readonly_fields = ["pair_link", "event_link", "parts_text", "signals", "versions_link"]

    def has_approve_permission(self, request: HttpRequest) -> bool:
        """Who may decide on bets: those who may decide on pairs."""
        return request.user.has_perm("markets.approve_pair")

    def get_urls(self) -> list[Any]:
        """With the page of a new bet and the decision."""
        wrap = self.admin_site.admin_view
        return [
            path("enter/", wrap(self.enter_view), name="markets_bet_enter"),
            path("decide/", wrap(self.decide_view), name="markets_bet_decide"),
            *super().get_urls(),
        ]

    def enter_view(self, request: HttpRequest) -> HttpResponse:
        """A form; a valid one proposes the bet."""
        if not self.has_approve_permission(request):
            raise PermissionDenied
        form = BetForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            found = form.cleaned_data
            try:
                bet = bet_decisions.enter(
                    form.value, found["name"], request.user, now=timezone.now(), note=found["note"],
                    settlement=found["settlement"],
                )  # fmt: skip
            except PairError as error:
                form.add_error(None, str(error))
            else:
                self.log_addition(request, bet, "Entered by hand.")
                return HttpResponseRedirect(reverse("admin:markets_bet_change", args=[bet.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": "Enter a bet by hand",
            "opts": self.opts,
            "form": form,
        }
        return TemplateResponse(request, "admin/markets/bet/enter.html", context)

    def decide_view(self, request: HttpRequest) -> HttpResponse:
        """A POST decides on one bet, for the digest that was shown."""
        if not self.has_approve_permission(request):
            raise PermissionDenied
        form = request.POST
        bet = Bet.objects.filter(pk=form.get("bet", "")).first() if request.method == "POST" else None
        if bet is None:
            return HttpResponseRedirect(reverse("admin:markets_bet_changelist"))
        try:
            bet_decisions.decide(
                bet, form.get("decision", ""), request.user, now=timezone.now(), note=form.get("note", "").strip(),
                shown_digest=form.get("digest", ""), m0=fraction(form.get("m0")),
            )  # fmt: skip
        except PairError as error:
            self.message_user(request, f"{bet}: {error}", messages.ERROR)
        else:
            self.log_change(request, bet, f"Decided: {form['decision']}.")
            self.message_user(request, f"{bet}: {form['decision']}.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:markets_bet_change", args=[bet.pk]))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The table of states and outcomes above the columns."""
        bet = self.get_object(request, object_id)
        extra = {**(extra_context or {})}
        if bet is not None:
            extra |= {
                "table": table(bet),
                "seen": bet_decisions.seen(bet)["markets"],
                "shown_digest": bet_decisions.digest(bet),
                "decisions": _decisions(bet) if self.has_approve_permission(request) else [],
                "bet": bet,
            }
        return super().change_view(request, object_id, form_url, extra)

    @admin.display(description="id", ordering="id")
    def short_id(self, bet: Bet) -> str:
        """Condition ids have 66 characters, and would push everything else off the screen."""
        return shortened(bet.pk)

    @admin.display(description="pair")
    def pair_link(self, bet: Bet) -> SafeString | str:
        """The pair it was made of."""
        pair = getattr(bet, "pair", None)
        return link(Pair, pair.pk, pair) if pair else "-"

    @admin.display(description="event")
    def event_link(self, bet: Bet) -> SafeString | str:
        """The event it was built from."""
        return link(Event, bet.event_id, bet.event) if bet.event_id else "-"

    @admin.display(description="built on")
    def parts_text(self, bet: Bet) -> SafeString | str:
        """The bets and pairs of a mixture."""
        return pretty(bet.parts) if bet.parts else "-"

    @admin.display(description="signals")
    def signals(self, bet: Bet) -> SafeString:
        """The signals it gave."""
        return format_html(
            '<a href="{}?bet__id__exact={}">signals</a>', reverse("admin:signals_signal_changelist"), bet.pk
        )

    @admin.display(description="decisions")
    def versions_link(self, bet: Bet) -> SafeString:
        """Every decision, with what was seen."""
        return list_link(BetVersion, "decisions", bet__id__exact=bet.pk)


def _decisions(bet: Bet) -> list[str]:
    """What may be decided now; the service refuses the rest."""
    if bet.kind == Bet.PAIR:
        return []
    asked = [decision for decision, before in bet_decisions.NEXT.items() if bet.status in before]
    return [one for one in asked if not (bet.kind == Bet.MIXTURE and one == bet_decisions.APPROVED)]


def shortened(text: str, most: int = 32) -> str:
    """The beginning and the end of a long id."""
    return text if len(text) <= most else f"{text[: most - 8]}…{text[-7:]}"


def table(bet: Bet) -> dict[str, Any]:
    """States across, outcomes down: where each pays."""
    rows, names = [], {}
    for row in bet.outcomes.select_related("market"):
        pays = set(row.pays_in)
        rows.append({"row": row, "cells": [state in pays for state in bet.states]})
        names[f"{row.market.platform}:{row.market_id}"] = str(row.market)
    # A state is called after the market that pays in it, by an id that nobody can read; of a mixture, after two
    states = [
        (state, " & ".join(names.get(part, part) for part in state.split(" & "))) for state in bet.states
    ]
    return {"states": states, "rows": rows, "faults": [fault.sentence for fault in bet.value().faults]}


@admin.register(BetVersion)
class BetVersionAdmin(ReadOnlyAdmin):
    """Every decision on a bet, and what was on the screen."""

    list_display = ["created_at", "bet", "decision", "user", "note"]
    list_select_related = ["bet", "user"]
    search_fields = ["=bet__id", "note"]
    ordering = ["-pk"]
    fields = ["created_at", "bet", "decision", "user", "note", "digest", "seen_text"]
    readonly_fields = ["seen_text"]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """The decisions on one bet."""
        return lookup == "bet__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="seen")
    def seen_text(self, version: BetVersion) -> SafeString:
        """Terms, states and outcomes as they were."""
        return pretty(version.seen)
