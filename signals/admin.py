"""Signals, their snapshots and the events that weigh on them, in the admin."""

from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from arbsite.admin import ReadOnlyAdmin, link, list_link, pretty, recent, words
from markets.models import Bet, Market
from signals.deciding import decision, rechecking
from signals.models import TYPES, Refusal, Signal, SignalSnapshot
from signals.moves import admin as move_admin
from signals.records import history, storing
from signals.returns import admin as returns_admin
from signals.scoring import admin as score_admin
from signals.sources import admin as source_admin
from signals.sources.calendar import admin as calendar_admin
from signals.sources.news import admin as news_admin
from signals.sources.whales import admin as whale_admin

# They register their pages when they are imported
__all__ = [
    "calendar_admin", "move_admin", "news_admin", "returns_admin", "score_admin", "source_admin", "whale_admin",
]  # fmt: skip

RELEASED_AT_ONCE = 20
LABELS = (decision.ARBITRAGE, decision.SPREAD)
CODES = tuple(
    sorted(decision.REFUSALS | decision.DOUBTS | {rechecking.GONE})
)  # detection's are found by search


@admin.register(Signal)
class SignalAdmin(ReadOnlyAdmin):
    """Findings: what could be earned, where, and what became of it."""

    list_display = [
        "created_at", "id", "label", "status", "direction", "size", "net_profit", "edge_percent", "expected_percent",
        "annualised", "alive", "confidence", "bet_link",
    ]  # fmt: skip
    list_filter = [
        words("status", Signal.STATUSES), words("type", TYPES), words("label", LABELS), recent("created_at"),
    ]  # fmt: skip
    search_fields = ["id", "market_a", "market_b", "direction"]
    search_help_text = "A signal's or market's id, or a direction."
    ordering = ["-created_at"]
    fields = [
        "id", "type", "label", "kind", "status", "bet_link", "direction", "markets", "legs", "waterfall", "size", "outlay",
        "capital", "command", "evidence",
        "net_profit", "half_profit", "profit_pct", "edge", "expected_edge", "annualised", "limited_by",
        "confidence", "sources", "reasons_text", "plan_link", "pages", "created_at", "refreshed_at", "processed_at",
        "closed_at", "close_reason", "alive", "rechecked_at", "recheck_text", "metadata_text",
    ]  # fmt: skip
    readonly_fields = [
        "bet_link", "markets", "legs", "waterfall", "capital", "command", "evidence",
        "limited_by", "reasons_text", "plan_link", "pages", "alive",
        "recheck_text", "metadata_text",
    ]  # fmt: skip
    actions = ["release"]

    @admin.action(description="Release from quarantine: I have read both markets", permissions=["release"])
    def release(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Let quarantined signals be judged without their doubts for a while."""
        for signal in queryset[:RELEASED_AT_ONCE]:
            try:
                rechecking.release(signal.pk, request.user, now=timezone.now())
            except rechecking.ReleaseError as error:
                self.message_user(request, f"{signal.pk}: {error}", messages.ERROR)
            else:
                self.message_user(request, f"{signal.pk} is judged again without its doubts.")

    def has_release_permission(self, request: HttpRequest) -> bool:
        """Who may release."""
        return request.user.has_perm("signals.release_signal")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Without the computation, which a list does not show."""
        rows = super().get_queryset(request)
        match = request.resolver_match
        if match is not None and match.url_name == "signals_signal_changelist":
            return rows.defer("metadata")
        return rows

    @admin.display(description="edge", ordering="edge")
    def edge_percent(self, signal: Signal) -> str:
        """Cents per dollar of payoff."""
        return "-" if signal.edge is None else f"{signal.edge * 100:.2f} %"

    @admin.display(description="expected", ordering="expected_edge")
    def expected_percent(self, signal: Signal) -> str:
        """Cents per dollar of payoff that are left after leg risk, rule risk and capital."""
        return "-" if signal.expected_edge is None else f"{signal.expected_edge * 100:.2f} %"

    @admin.display(description="alive")
    def alive(self, signal: Signal) -> str:
        """From found to gone, or until now."""
        return f"{history.lifetime_ms(signal, timezone.now()) / 1_000:.1f} s"

    @admin.display(description="waterfall")
    def waterfall(self, signal: Signal) -> SafeString | str:
        """Every step from the gross edge to the expected one."""
        rows = [
            (step.name.replace("_", " "), f"{step.dollars:,.4f}", f"{step.per_dollar * 100:.3f} ¢")
            for step in storing.steps_of(signal.metadata or {})
        ]
        line = (
            '<tr><td>{}</td><td style="text-align: right">{}</td><td style="text-align: right">{}</td></tr>'
        )
        if not rows:
            return "-"
        head = mark_safe("<tr><th>step</th><th>dollars</th><th>per $1 of payoff</th></tr>")
        return format_html("<table>{}{}</table>", head, format_html_join("", line, rows))

    @admin.display(description="capital")
    def capital(self, signal: Signal) -> str:
        """Dollars needed on each platform."""
        needed = storing.capital_of(signal.metadata or {})
        return ", ".join(f"{platform} ${dollars:.2f}" for platform, dollars in needed.items()) or "-"

    @admin.display(description="place it by hand")
    def command(self, signal: Signal) -> str:
        """What a person types to act on a proposal; the machine never does."""
        return (signal.metadata or {}).get("command", "-")

    @admin.display(description="evidence")
    def evidence(self, signal: Signal) -> SafeString | str:
        """What whales, news and calendar said, and what it did."""
        lines = [(_voice_line(voice),) for voice in (signal.metadata or {}).get("evidence", [])]
        return format_html_join(mark_safe("<br>"), "{}", lines) or "-"

    @admin.display(description="limited by")
    def limited_by(self, signal: Signal) -> str:
        """What keeps the size from being larger."""
        return (signal.metadata or {}).get("limited_by", "-")

    @admin.display(description="second look")
    def recheck_text(self, signal: Signal) -> SafeString:
        """What its books said over REST."""
        return pretty(signal.recheck)

    @admin.display(description="bet")
    def bet_link(self, signal: Signal) -> SafeString | str:
        """The bet's page."""
        return link(Bet, signal.bet_id)

    @admin.display(description="markets")
    def markets(self, signal: Signal) -> SafeString | str:
        """Both markets' pages."""
        ids = dict.fromkeys(one for one in (signal.market_a, signal.market_b) if one)
        return format_html_join(" ↔ ", "{}", ((link(Market, one),) for one in ids)) or "-"

    @admin.display(description="legs")
    def legs(self, signal: Signal) -> SafeString | str:
        """What would be bought where."""
        lines = [(_leg_line(leg),) for leg in (signal.metadata or {}).get("legs", [])]
        return format_html_join(mark_safe("<br>"), "{}", lines) or "-"

    @admin.display(description="reasons")
    def reasons_text(self, signal: Signal) -> SafeString:
        """Why it was refused or doubted."""
        return pretty(signal.reasons)

    @admin.display(description="plan")
    def plan_link(self, signal: Signal) -> SafeString | str:
        """The plan that acts on it."""
        plan = getattr(signal, "plan", None)
        return link(type(plan), plan.pk) if plan else "-"

    @admin.display(description="pages")
    def pages(self, signal: Signal) -> SafeString:
        """Its orders and snapshots."""
        orders = format_html(
            '<a href="{}?signal__id__exact={}">orders</a>',
            reverse("admin:execution_order_changelist"),
            signal.pk,
        )
        return format_html(
            "{} · {} · {}", orders, list_link(SignalSnapshot, "snapshots", q=signal.pk),
            list_link(Refusal, "refusals", q=signal.pk),
        )  # fmt: skip

    @admin.display(description="computation")
    def metadata_text(self, signal: Signal) -> SafeString:
        """Every figure of the finding."""
        return pretty(signal.metadata)


def _voice_line(voice: dict[str, Any]) -> str:
    way = {1: "rises", -1: "falls"}.get(voice.get("direction", 0), "moves")
    sure = "" if voice.get("probability") is None else f" with {Decimal(voice['probability']):.2f}"
    return (
        f"{voice.get('effect')}: {voice.get('source')} {voice.get('kind')} ({voice.get('item')}) on {voice.get('market')}"
        f" {way}{sure}: {voice.get('note', '')}"
    )


def _leg_line(leg: dict[str, Any]) -> str:
    size = Decimal(leg.get("size", 0)).normalize()
    return (
        f"{leg.get('side')} {size:f} {leg.get('outcome')} on {leg.get('platform')} at ${leg.get('limit_price')},"
        f" fee ${leg.get('fee')}, book {leg.get('book_age_ms', '?')} ms old"
    )


@admin.register(Refusal)
class RefusalAdmin(ReadOnlyAdmin):
    """The refusal ledger: why nothing was done, and what would have become of it."""

    list_display = [
        "last_seen", "code", "stage", "count", "bet", "direction", "best_edge", "best_profit", "fate", "lived_ms",
        "settled_profit", "sentence",
    ]  # fmt: skip
    list_filter = [
        words("code", CODES),
        words("stage", Refusal.STAGES),
        words("fate", Refusal.FATES),
        recent("last_seen"),
    ]
    search_fields = ["bet_id", "signal_id", "code"]
    search_help_text = "A whole bet's or signal's id, or a reason's code."
    ordering = ["-last_seen"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """By a whole id or code."""
        term = search_term.strip().replace("\x00", "")
        return (
            queryset.filter(Q(bet_id=term) | Q(signal_id=term) | Q(code=term)) if term else queryset
        ), False

    @admin.display(description="bet")
    def bet(self, refusal: Refusal) -> SafeString | str:
        """The bet's page."""
        return link(Bet, refusal.bet_id)


@admin.register(SignalSnapshot)
class SignalSnapshotAdmin(ReadOnlyAdmin):
    """Entries of the signal stream, kept for backtests."""

    list_display = ["at", "event", "signal_link", "edge", "expected_edge", "size", "net_profit"]
    list_filter = [recent("at")]
    search_fields = ["signal_id"]
    ordering = ["-pk"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """By the signal's whole id: the index holds nothing else."""
        return (queryset.filter(signal_id=search_term.strip()) if search_term.strip() else queryset), False

    @admin.display(description="signal")
    def signal_link(self, snapshot: SignalSnapshot) -> SafeString | str:
        """The signal's page."""
        return link(Signal, snapshot.signal_id)
