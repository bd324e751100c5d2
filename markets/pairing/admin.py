"""Pairs in the admin: a list, a dossier for each, and the decision of a person.

An approval is given for the very terms that were on the screen: the form carries their digest, and a term that changed
meanwhile is shown again instead of being approved.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from arbsite.admin import BigTableAdmin, ReadOnlyAdmin, link, list_link, pretty, words
from markets.models import Bet, Market, Pair, PairVersion
from markets.models.bets import SETTLEMENTS
from markets.models.pairs import VERDICTS
from markets.pairing import dossier, pairs
from markets.pairing.forms import DECISIONS, PairForm, decide

MOST_AT_ONCE = 20  # side by side on one page


@admin.register(Pair)
class PairAdmin(BigTableAdmin):
    """The same question on two platforms; it trades only after a person approved it."""

    form = PairForm
    list_display = [
        "id", "question", "kalshi_question", "status", "verdict", "score", "settlement", "inverted", "m0", "m0_upper",
        "approved_by", "updated_at",
    ]  # fmt: skip
    list_filter = [
        words("status", Pair.STATUSES),
        words("verdict", VERDICTS),
        words("settlement", SETTLEMENTS),
        words("origin", Pair.ORIGINS),
    ]
    list_select_related = ["polymarket", "kalshi", "approved_by"]
    search_fields = ["=polymarket__id", "=kalshi__id", "polymarket__question", "kalshi__question"]
    search_help_text = "A market's id, or words of either question."
    ordering = ["-pk"]
    autocomplete_fields = ["polymarket", "kalshi"]
    actions = ["decide_selected"]
    change_form_template = "admin/markets/pair/change_form.html"
    _shown_fields = [
        "polymarket_link", "kalshi_link", "status", "bet_link", "versions_link", "origin", "inverted", "score", "verdict",
        "settlement", "reasons_text", "vetoes_text", "risk_class", "m0", "m0_upper", "m0_by_hand", "approved_by",
        "approved_at", "suspended_why", "note", "rules_digest", "created_at", "updated_at",
    ]  # fmt: skip

    def get_fields(self, request: HttpRequest, obj: Pair | None = None) -> list[str]:
        """Few when proposing, all of them afterwards."""
        return list(PairForm.Meta.fields) if obj is None else self._shown_fields

    def get_readonly_fields(self, request: HttpRequest, obj: Pair | None = None) -> list[str]:
        """After the entry a pair changes by decisions alone."""
        return [] if obj is None else self._shown_fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Entering a pair is a decision too."""
        return self.has_approve_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is edited: decisions have buttons of their own."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A rejected pair stays, so that it is not proposed again."""
        return False

    def has_approve_permission(self, request: HttpRequest) -> bool:
        """Who may decide on pairs."""
        return request.user.has_perm("markets.approve_pair")

    def save_model(self, request: HttpRequest, obj: Pair, form: Any, change: bool) -> None:
        """Enter the pair through the service, which keeps the version."""
        entered = pairs.enter(
            obj.polymarket_id, obj.kalshi_id, request.user, now=timezone.now(), note=obj.note, inverted=obj.inverted,
            settlement=obj.settlement, m0=obj.m0_by_hand,
        )  # fmt: skip
        obj.pk = entered.pk

    # --- decisions

    @admin.action(description="Read and decide…", permissions=["approve"])
    def decide_selected(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        """Show the dossier of each pair; the decision is given there."""
        ids = ",".join(str(pk) for pk in queryset.values_list("pk", flat=True)[:MOST_AT_ONCE])
        return HttpResponseRedirect(f"{reverse('admin:markets_pair_decide')}?ids={ids}")

    def get_urls(self) -> list[Any]:
        """With the page of decisions."""
        view = self.admin_site.admin_view(self.decide_view)
        return [path("decide/", view, name="markets_pair_decide"), *super().get_urls()]

    def decide_view(self, request: HttpRequest) -> HttpResponse:
        """Pairs side by side; a POST decides on one of them, and the others stay on the page."""
        if not self.has_approve_permission(request):
            raise PermissionDenied
        asked = request.POST if request.method == "POST" else request.GET
        rows = _pairs(asked.get("ids", "").split(","))
        if request.method == "POST":
            rows = self._decided(request, rows)
            if not rows:
                return HttpResponseRedirect(reverse("admin:markets_pair_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Are these the same bet?",
            "opts": self.opts,
            "ids": ",".join(str(pair.pk) for pair in rows),
            "dossiers": [dossier.of(pair, now=timezone.now()) for pair in rows],
            "settlements": SETTLEMENTS,
        }
        return TemplateResponse(request, "admin/markets/pair/decide.html", context)

    def _decided(self, request: HttpRequest, rows: list[Pair]) -> list[Pair]:
        """Carry the decision out; returns the pairs that still wait, freshly read."""
        form = request.POST
        chosen = next((pair for pair in _pairs([form.get("pair", "")])), None)
        decision = form.get("decision", "")
        if chosen is None or decision not in DECISIONS:
            self.message_user(request, "Nothing was decided: choose one of the buttons.", messages.ERROR)
            return rows
        try:
            decide(chosen, decision, request.user, form)
        except pairs.PairError as error:
            self.message_user(request, f"{chosen}: {error}", messages.ERROR)
            return _pairs(str(pair.pk) for pair in rows)
        self.log_change(request, chosen, f"Decided: {decision}.")
        self.message_user(request, f"{chosen}: {decision}.", messages.SUCCESS)
        return _pairs(str(pair.pk) for pair in rows if pair.pk != chosen.pk)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The dossier, and the columns below it."""
        rows = _pairs([object_id])
        extra = {
            "dossier": dossier.of(rows[0], now=timezone.now()) if rows else None,
            "may_decide": self.has_approve_permission(request),
            "ids": object_id,
            "settlements": SETTLEMENTS,
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, extra)

    # --- columns

    @admin.display(description="Polymarket's question")
    def question(self, pair: Pair) -> str:
        """In one line."""
        return (pair.polymarket.question or "")[:80]

    @admin.display(description="Kalshi's question")
    def kalshi_question(self, pair: Pair) -> str:
        """In one line."""
        return (pair.kalshi.question or "")[:80]

    @admin.display(description="Polymarket")
    def polymarket_link(self, pair: Pair) -> SafeString | str:
        """The market's page."""
        return link(Market, pair.polymarket_id)

    @admin.display(description="Kalshi")
    def kalshi_link(self, pair: Pair) -> SafeString | str:
        """The market's page."""
        return link(Market, pair.kalshi_id)

    @admin.display(description="bet")
    def bet_link(self, pair: Pair) -> SafeString | str:
        """The bet that is traded."""
        return link(Bet, pair.bet_id)

    @admin.display(description="verdicts")
    def versions_link(self, pair: Pair) -> SafeString:
        """Every verdict, with what was seen."""
        return list_link(PairVersion, "verdicts", pair__id__exact=pair.pk)

    @admin.display(description="reasons")
    def reasons_text(self, pair: Pair) -> SafeString:
        """Why the matcher thinks so."""
        return pretty(pair.reasons)

    @admin.display(description="vetoes")
    def vetoes_text(self, pair: Pair) -> SafeString:
        """What contradicts."""
        return pretty(pair.vetoes)


@admin.register(PairVersion)
class PairVersionAdmin(ReadOnlyAdmin):
    """Every verdict on a pair, and the very texts that were on the screen."""

    list_display = ["created_at", "pair", "decision", "user", "score", "settlement", "m0", "note"]
    list_filter = [words("decision", PairVersion.DECISIONS)]
    list_select_related = ["pair", "user"]
    search_fields = ["=pair__polymarket__id", "=pair__kalshi__id", "note"]
    ordering = ["-pk"]
    fields = [
        "created_at",
        "pair",
        "decision",
        "user",
        "note",
        "score",
        "verdict",
        "settlement",
        "m0",
        "digest",
        "seen_text",
    ]
    readonly_fields = ["seen_text"]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """The verdicts of one pair."""
        return lookup == "pair__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="seen")
    def seen_text(self, version: PairVersion) -> SafeString:
        """The terms of both markets as they were."""
        return pretty(version.seen)


def _pairs(ids: Iterable[str]) -> list[Pair]:
    numbers = [int(text) for text in ids if text.isascii() and text.isdecimal() and len(text) < 19]
    rows = (
        Pair.objects.select_related("polymarket", "kalshi", "approved_by")
        .filter(pk__in=numbers)
        .order_by("pk")
    )
    return list(rows[:MOST_AT_ONCE])
