"""Plans, orders, fills and positions in the admin: to be read only, since services own the money. Orders are cancelled
there, through the same door as everywhere.
"""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from arbsite.admin import ReadOnlyAdmin, link, list_link, pretty, recent, words
from execution import limits
from execution.by_hand import asking, manual
from execution.halting import admin as halt_admin
from execution.models import MODES, Fill, Order, Plan, PlanStep, Position
from execution.risk import admin as limit_admin
from markets.models import Bet, Market
from markets.platforms.base import PLATFORMS
from signals.models import Signal

__all__ = ["halt_admin", "limit_admin"]  # they register themselves

CANCELLED_AT_ONCE = 100  # orders of one action
REASON_SHOWN = 80  # characters in a list


class OrderInline(admin.TabularInline):
    """A plan's orders: its legs, and what completed or unwound them."""

    model = Order
    fields = [
        "role", "leg", "attempt", "id", "platform", "outcome", "side", "quantity", "price", "status", "filled_qty",
        "avg_fill_price", "fee", "error_code", "sent_at", "answered_at",
    ]  # fmt: skip
    readonly_fields = fields
    ordering = ["created_at", "leg"]
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, *_: object) -> bool:
        """A service makes them."""
        return False


class StepInline(admin.TabularInline):
    """What was decided about a plan, and why."""

    model = PlanStep
    verbose_name_plural = "decisions"
    fields = ["at", "what", "sentence", "figures_text"]
    readonly_fields = fields
    ordering = ["id"]
    extra = 0
    can_delete = False

    def has_add_permission(self, *_: object) -> bool:
        """Whoever decides writes them."""
        return False

    def has_view_permission(self, *_: object) -> bool:
        """Whoever sees a plan sees why."""
        return True

    @admin.display(description="figures")
    def figures_text(self, step: PlanStep) -> SafeString:
        """What the decision was made on."""
        return pretty(step.figures)


class FillInline(admin.TabularInline):
    """An order's fills."""

    model = Fill
    fields = ["created_at", "kind", "side", "quantity", "outcome", "price", "fee", "cash", "trade_id"]
    readonly_fields = fields
    ordering = ["id"]
    extra = 0
    can_delete = False

    def has_add_permission(self, *_: object) -> bool:
        """A service makes them."""
        return False


@admin.register(Plan)
class PlanAdmin(ReadOnlyAdmin):
    """What is to be done as a whole: acting on a signal, leaving a position, an order by hand."""

    list_display = [
        "created_at", "status", "mode", "kind", "dollars", "orders", "why", "requested_by", "id", "signal_link",
        "shadow_link",
    ]  # fmt: skip
    list_filter = [
        words("status", Plan.STATUSES), words("kind", Plan.KINDS), words("mode", MODES), recent("created_at"),
    ]  # fmt: skip
    list_select_related = ["shadow"]
    search_fields = ["=id", "=signal__id", "=requested_by"]
    search_help_text = "A plan's or signal's whole id, or who asked."
    ordering = ["-created_at"]
    fields = [
        "id", "kind", "mode", "status", "signal_link", "bet_link", "size", "outlay", "expected_profit", "profit", "edge",
        "loss_limit", "at_once", "reason", "requested_by", "shadow_link", "created_at", "finished_at",
    ]  # fmt: skip
    readonly_fields = ["signal_link", "bet_link", "shadow_link"]
    inlines = [OrderInline, StepInline]

    @admin.display(description="outlay → expected, made")
    def dollars(self, plan: Plan) -> str:
        """What it costs, what was expected of it, and what its fills have made sure of."""
        figures = (plan.outlay, plan.expected_profit, plan.profit)
        outlay, expected, made = ("-" if one is None else f"${one:.2f}" for one in figures)
        return f"{outlay} → {expected}, {made}"

    @admin.display(description="why")
    def why(self, plan: Plan) -> str:
        """Why this size, or why it ended so; the whole of it is on the plan's page."""
        return plan.reason if len(plan.reason) <= REASON_SHOWN else f"{plan.reason[:REASON_SHOWN]}…"

    @admin.display(description="bet")
    def bet_link(self, plan: Plan) -> SafeString | str:
        """The bet's page."""
        return link(Bet, plan.bet_id)

    @admin.display(description="paper twin")
    def shadow_link(self, plan: Plan) -> SafeString | str:
        """The paper twin of a plan that trades for real; on the twin's own page, the plan that it shadows."""
        if plan.shadow_of_id is not None:
            return format_html("twin of {}", link(Plan, plan.shadow_of_id))
        twin = getattr(plan, "shadow", None)
        return link(Plan, twin.pk) if twin is not None else "-"

    @admin.display(description="signal")
    def signal_link(self, plan: Plan) -> SafeString | str:
        """The signal's page."""
        return link(Signal, plan.signal_id)

    @admin.display(description="orders")
    def orders(self, plan: Plan) -> SafeString:
        """The legs' orders."""
        return list_link(Order, "orders", plan__id__exact=plan.pk)


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """Orders."""

    list_display = [
        "created_at", "status", "mode", "platform", "what", "filled", "fee", "market_link", "role", "error_code",
        "plan_link", "id", "sent_at", "answered_at",
    ]  # fmt: skip
    list_filter = [
        words("status", Order.STATUSES), words("role", Order.ROLES), words("platform", PLATFORMS), words("mode", MODES),
        recent("created_at"),
    ]  # fmt: skip
    actions = ["cancel"]
    list_select_related = ["market"]
    search_fields = ["=id", "=client_order_id", "=platform_order_id", "=market__id", "=signal__id"]
    search_help_text = "An order's, market's or signal's whole id."
    ordering = ["-created_at"]
    fields = [
        "id", "status", "mode", "plan_link", "role", "leg", "attempt", "replaces_link", "signal_link", "platform",
        "market_link", "outcome", "side", "quantity", "price", "cash", "order_type", "time_in_force", "post_only",
        "expires_at", "max_slippage_pct", "shard", "matched_qty", "filled_qty", "avg_fill_price", "fee", "error_code",
        "error_message", "client_order_id", "platform_order_id", "sends", "created_at", "sent_at", "answered_at",
        "updated_at",
    ]  # fmt: skip
    readonly_fields = ["plan_link", "signal_link", "market_link", "replaces_link"]
    inlines = [FillInline]

    @admin.action(description="Cancel the selected orders", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Those that were not sent are over at once; the executor asks the platforms for the rest."""
        for order_id in queryset.values_list("pk", flat=True)[:CANCELLED_AT_ONCE]:
            try:
                became = manual.cancel(order_id, request.user, timezone.now())["status"]
            except asking.Refused as refused:
                self.message_user(request, f"Order {order_id}: {refused.sentence}", messages.ERROR)
            else:
                self.message_user(request, f"Order {order_id} is {became}.")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Who may cancel."""
        return request.user.has_perm(asking.PERMISSION)

    @admin.display(description="order")
    def what(self, order: Order) -> str:
        """What was asked for."""
        size = "?" if order.quantity is None else limits.plain(order.quantity)
        price = "" if order.price is None else f" at {limits.plain(order.price)}"
        return f"{order.side} {size} {order.outcome}{price}"

    @admin.display(description="filled")
    def filled(self, order: Order) -> str:
        """How much of it, at which average price."""
        price = "" if order.avg_fill_price is None else f" at {order.avg_fill_price:.4f}"
        return f"{limits.plain(order.filled_qty)}{price}"

    @admin.display(description="replaces")
    def replaces_link(self, order: Order) -> SafeString | str:
        """The order whose rest this one took over."""
        return link(Order, order.replaces_id)

    @admin.display(description="market")
    def market_link(self, order: Order) -> SafeString | str:
        """The market's page."""
        return link(Market, order.market_id, str(order.market)[:60] if order.market else None)

    @admin.display(description="plan")
    def plan_link(self, order: Order) -> SafeString | str:
        """The plan's page."""
        return link(Plan, order.plan_id)

    @admin.display(description="signal")
    def signal_link(self, order: Order) -> SafeString | str:
        """The signal's page."""
        return link(Signal, order.signal_id)


@admin.register(Fill)
class FillAdmin(ReadOnlyAdmin):
    """Money that moved."""

    list_display = [
        "created_at",
        "kind",
        "platform",
        "market_link",
        "side",
        "quantity",
        "outcome",
        "price",
        "fee",
        "cash",
        "order_link",
    ]
    list_filter = [
        words("kind", Fill.KINDS), words("platform", PLATFORMS), words("mode", MODES),
        recent("created_at"),
    ]  # fmt: skip
    list_select_related = ["market"]
    search_fields = ["=trade_id", "=order__id", "=market__id"]
    search_help_text = "A trade's, order's or market's whole id."
    ordering = ["-created_at"]
    fields = [
        "kind", "mode", "platform", "market_link", "order_link", "side", "outcome", "quantity", "price", "fee", "cash",
        "trade_id", "created_at",
    ]  # fmt: skip
    readonly_fields = ["market_link", "order_link"]

    @admin.display(description="market")
    def market_link(self, fill: Fill) -> SafeString | str:
        """The market's page."""
        return link(Market, fill.market_id, str(fill.market)[:60])

    @admin.display(description="order")
    def order_link(self, fill: Fill) -> SafeString | str:
        """The order's page."""
        return link(Order, fill.order_id)


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
    """What is held, and what it earned."""

    list_display = [
        "market_link", "platform", "outcome", "mode", "quantity", "avg_price", "current_price", "unrealized_pnl",
        "realized_pnl", "opened_at", "fills",
    ]  # fmt: skip
    list_filter = [
        words("mode", MODES),
        words("market__platform", PLATFORMS, "platform"),
        recent("opened_at"),
    ]
    list_select_related = ["market"]
    search_fields = ["=id", "=market__id", "market__question"]
    ordering = ["-opened_at"]
    readonly_fields = ["market_link", "order_link", "fills"]
    fields = [
        "id", "market_link", "outcome", "mode", "side", "quantity", "avg_price", "cost", "fees", "current_price",
        "unrealized_pnl", "realized_pnl", "order_link", "fills", "opened_at", "closed_at", "updated_at",
    ]  # fmt: skip

    @admin.display(description="market")
    def market_link(self, position: Position) -> SafeString | str:
        """The market's page."""
        return link(Market, position.market_id, str(position.market)[:70])

    @admin.display(description="platform", ordering="market__platform")
    def platform(self, position: Position) -> str:
        """Where it is held."""
        return position.market.platform

    @admin.display(description="opened by")
    def order_link(self, position: Position) -> SafeString | str:
        """The order that opened it."""
        return link(Order, position.order_id)

    @admin.display(description="fills")
    def fills(self, position: Position) -> SafeString:
        """What moved in this market."""
        return format_html("{}", list_link(Fill, "fills", market__id__exact=position.market_id))
