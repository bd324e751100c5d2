"""Plans, orders, fills and positions in the admin: all of them to be read only, since services own the money."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from arbsite.admin import ReadOnlyAdmin, link, list_link, recent, words
from execution import limit_admin
from execution.models import MODES, Fill, Order, Plan, Position
from markets.models import Market
from markets.platforms.base import PLATFORMS
from signals.models import Signal

__all__ = ["limit_admin"]  # registers itself


class OrderInline(admin.TabularInline):
    """A plan's legs."""

    model = Order
    fields = [
        "leg",
        "id",
        "platform",
        "outcome",
        "side",
        "quantity",
        "price",
        "status",
        "filled_qty",
        "avg_fill_price",
        "fee",
    ]
    readonly_fields = fields
    ordering = ["leg"]
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, *_: object) -> bool:
        """A service makes them."""
        return False


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
    """The legs that act on one signal."""

    list_display = [
        "created_at",
        "id",
        "mode",
        "status",
        "size",
        "outlay",
        "expected_profit",
        "signal_link",
        "orders",
    ]
    list_filter = [words("status", Plan.STATUSES), words("mode", MODES), recent("created_at")]
    search_fields = ["=id", "=signal__id"]
    ordering = ["-created_at"]
    fields = [
        "id", "mode", "status", "signal_link", "size", "outlay", "expected_profit", "reason", "created_at",
        "finished_at",
    ]  # fmt: skip
    readonly_fields = ["signal_link"]
    inlines = [OrderInline]

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
        "created_at", "id", "platform", "market_link", "side", "outcome", "quantity", "price", "status", "filled_qty",
        "avg_fill_price", "fee", "plan_link",
    ]  # fmt: skip
    list_filter = [
        words("status", Order.STATUSES), words("platform", PLATFORMS), words("mode", MODES), recent("created_at"),
    ]  # fmt: skip
    list_select_related = ["market"]
    search_fields = ["=id", "=client_order_id", "=platform_order_id", "=market__id", "=signal__id"]
    search_help_text = "An order's, market's or signal's whole id."
    ordering = ["-created_at"]
    fields = [
        "id", "status", "mode", "plan_link", "leg", "signal_link", "platform", "market_link", "outcome", "side",
        "quantity", "price", "order_type", "time_in_force", "filled_qty", "avg_fill_price", "fee", "error_message",
        "client_order_id", "platform_order_id", "created_at", "updated_at",
    ]  # fmt: skip
    readonly_fields = ["plan_link", "signal_link", "market_link"]
    inlines = [FillInline]

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
        words("kind", (Fill.TRADE, Fill.MERGE, Fill.SETTLEMENT)), words("platform", PLATFORMS), words("mode", MODES),
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
