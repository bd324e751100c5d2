"""Pairs in the admin: both rule texts side by side, and the decision of a person.

An approval is given for the very texts that were on the screen: the form carries their digest, and a text that changed
meanwhile is shown again instead of being approved.
"""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from arbsite.admin import BigTableAdmin, link, words
from markets import services
from markets.models import Bet, Market, Pair
from markets.platforms.base import KALSHI, POLYMARKET

MOST_AT_ONCE = 20  # side by side on one page
APPROVE, REJECT, SUSPEND = "approve", "reject", "suspend"
DECISIONS = (APPROVE, REJECT, SUSPEND)
COMPARED = (
    ("Question", "question"),
    ("Rules", "rules"),
    ("Resolution source", "resolution_source"),
    ("Trading ends", "end_date"),
    ("Cash expected", "settles_at"),
    ("Outcomes", "outcome_labels"),
    ("Category", "category"),
    ("Status", "status"),
)


class PairForm(forms.ModelForm):
    """A pair proposed by hand."""

    class Meta:
        model = Pair
        fields = ["polymarket", "kalshi", "inverted", "m0", "note"]

    def clean(self) -> dict[str, Any]:
        """Each side must be of its platform."""
        found = super().clean() or {}
        for name in (POLYMARKET, KALSHI):
            market = found.get(name)
            if market is not None and market.platform != name:
                self.add_error(name, f"This market is on {market.platform}.")
        m0 = found.get("m0")
        if m0 is not None and not 0 <= m0 < 1:
            self.add_error("m0", "The chance that it pays nothing is a fraction from 0 to below 1.")
        return found


def compared(pair: Pair) -> list[tuple[str, Any, Any, bool]]:
    """Both markets line by line: a name, Polymarket's and Kalshi's text, and whether they are the same."""
    rows = []
    for name, field in COMPARED:
        one, two = _text(pair.polymarket, field), _text(pair.kalshi, field)
        rows.append((name, one, two, one == two))
    return rows


def _text(market: Market, field: str) -> Any:
    if field == "outcome_labels":
        return ", ".join(f"{row.get('name')}: {row.get('label', '')}" for row in market.outcomes)
    return getattr(market, field) or ""


@admin.register(Pair)
class PairAdmin(BigTableAdmin):
    """The same question on two platforms; it trades only after a person approved it."""

    form = PairForm
    list_display = [
        "__str__",
        "question",
        "kalshi_question",
        "inverted",
        "status",
        "approved_by",
        "updated_at",
    ]
    list_filter = [words("status", Pair.STATUSES)]
    list_select_related = ["polymarket", "kalshi", "approved_by"]
    search_fields = ["=polymarket__id", "=kalshi__id", "polymarket__question", "kalshi__question"]
    search_help_text = "A market's id, or words of either question."
    ordering = ["-pk"]
    autocomplete_fields = ["polymarket", "kalshi"]
    actions = ["approve_selected", "reject_selected", "suspend_selected"]
    change_form_template = "admin/markets/pair/change_form.html"

    def get_fields(self, request: HttpRequest, obj: Pair | None = None) -> list[str]:
        """Few when proposing, all of them afterwards."""
        if obj is None:
            return ["polymarket", "kalshi", "inverted", "m0", "note"]
        return [
            "polymarket_link", "kalshi_link", "status", "bet_link", "inverted", "m0", "note", "approved_by",
            "approved_at", "rules_digest", "created_at", "updated_at",
        ]  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Pair | None = None) -> list[str]:
        """Everything that an approval was given for is fixed while it stands."""
        if obj is None:
            return []
        free = {"inverted", "m0", "note"} if obj.status != Pair.APPROVED else {"note"}
        return [name for name in self.get_fields(request, obj) if name not in free]

    def save_model(self, request: HttpRequest, obj: Pair, form: Any, change: bool) -> None:
        """Write what the form may change, and nothing that a service wrote meanwhile."""
        obj.updated_at = timezone.now()
        if not change:
            super().save_model(request, obj, form, change)
            return
        names = [name for name in form.changed_data if name in ("inverted", "m0", "note")]
        rows = Pair.objects.filter(pk=obj.pk)
        if set(names) - {"note"}:
            rows = rows.exclude(status=Pair.APPROVED)
        if names and not rows.update(
            updated_at=obj.updated_at, **{name: getattr(obj, name) for name in names}
        ):
            self.message_user(
                request, "The pair was approved meanwhile; nothing was changed.", messages.ERROR
            )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A rejected pair stays, so that it is not proposed again."""
        return False

    def has_approve_permission(self, request: HttpRequest) -> bool:
        """Who may decide on pairs."""
        return request.user.has_perm("markets.approve_pair")

    # --- decisions

    @admin.action(description="Approve… (compare the rules first)", permissions=["approve"])
    def approve_selected(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        """Show both texts of each pair; the approval is given there."""
        ids = ",".join(str(pk) for pk in queryset.values_list("pk", flat=True)[:MOST_AT_ONCE])
        return HttpResponseRedirect(f"{reverse('admin:markets_pair_decide')}?ids={ids}")

    @admin.action(description="Reject the selected pairs", permissions=["approve"])
    def reject_selected(self, request: HttpRequest, queryset: QuerySet) -> None:
        """These are not the same bet."""
        self._decide(request, queryset, REJECT, {})

    @admin.action(description="Suspend the selected pairs", permissions=["approve"])
    def suspend_selected(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Stop trading these until somebody looks again."""
        self._decide(request, queryset, SUSPEND, {})

    def get_urls(self) -> list[Any]:
        """With the page of decisions."""
        view = self.admin_site.admin_view(self.decide_view)
        return [path("decide/", view, name="markets_pair_decide"), *super().get_urls()]

    def decide_view(self, request: HttpRequest) -> HttpResponse:
        """Pairs side by side; a POST decides on them."""
        if not self.has_approve_permission(request):
            raise PermissionDenied
        asked = (
            request.POST.getlist("pair")
            if request.method == "POST"
            else request.GET.get("ids", "").split(",")
        )
        pairs = self._pairs(asked)
        decision = request.POST.get("decision", "")
        if request.method == "POST" and decision in DECISIONS:
            shown = {pair.pk: request.POST.get(f"digest_{pair.pk}", "") for pair in pairs}
            left = self._decide(request, pairs, decision, shown)
            if not left:
                return HttpResponseRedirect(reverse("admin:markets_pair_changelist"))
            pairs = self._pairs(str(pk) for pk in left)
        context = {
            **self.admin_site.each_context(request),
            "title": "Are these the same bet?",
            "opts": self.opts,
            "pairs": [self._shown(pair) for pair in pairs],
        }
        return TemplateResponse(request, "admin/markets/pair/decide.html", context)

    def _pairs(self, ids: Iterable[str]) -> list[Pair]:
        numbers = [int(text) for text in ids if text.isascii() and text.isdecimal() and len(text) < 19]
        rows = Pair.objects.select_related("polymarket", "kalshi").filter(pk__in=numbers).order_by("pk")
        return list(rows[:MOST_AT_ONCE])

    def _shown(self, pair: Pair) -> dict[str, Any]:
        return {"pair": pair, "rows": compared(pair), "digest": services.rules_digest(pair)}

    def _decide(
        self, request: HttpRequest, pairs: Iterable[Pair], decision: str, shown: dict[int, str]
    ) -> list[int]:
        """Carry a decision out for each pair; returns those for which it could not be."""
        left = []
        for pair in pairs:
            try:
                _carry_out(pair, decision, request.user, shown.get(pair.pk, ""))
            except services.PairError as error:
                left.append(pair.pk)
                self.message_user(request, f"{pair}: {error}", messages.ERROR)
            else:
                self.log_change(request, pair, f"Decided: {decision}.")
                self.message_user(request, f"{pair}: {decision} done.", messages.SUCCESS)
        return left

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form below the comparison."""
        pairs = self._pairs([object_id])
        extra = {
            "shown": self._shown(pairs[0]) if pairs else None,
            "may_decide": self.has_approve_permission(request),
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


def _carry_out(pair: Pair, decision: str, user: Any, shown: str) -> None:
    """One decision on one pair. Raises PairError where it cannot be, and changes nothing then."""
    now = timezone.now()
    if decision == REJECT:
        services.reject_pair(pair, user, now=now)
    elif decision == SUSPEND:
        services.suspend_pair(pair, user, now=now)
    else:
        with transaction.atomic():
            approved = services.approve_pair(pair, user, now=now)
            if approved.rules_digest != shown:
                raise services.PairError("The texts changed since you read them; compare them again.")
