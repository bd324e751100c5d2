"""Whales in the admin: alerts, wallets, signs, triggers and usual flows."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from arbsite.admin import BigTableAdmin, ReadOnlyAdmin, link, list_link, recent, words
from signals.models import AssetFlow, ExchangeWallet, FlowSign, Prediction, WhaleAlert, WhaleTrigger
from signals.sources.whales import assets, flows, triggering, wallet_files, wire

ASSETS = ("BTC", "ETH", *sorted(assets.STABLECOINS))
CLASSES = (assets.STABLECOIN, assets.BTC, assets.ETH, assets.OTHER)


@admin.register(WhaleAlert)
class WhaleAlertAdmin(ReadOnlyAdmin):
    """Large transfers."""

    list_display = [
        "happened_at", "asset", "amount", "direction", "exchange", "category", "sentiment_score", "source", "fresh",
        "chain_link", "gone_at", "processed",
    ]  # fmt: skip
    list_filter = [
        words("direction", (flows.INFLOW, flows.OUTFLOW, flows.NEUTRAL)), words("asset", ASSETS),
        words("exchange", (*sorted(flows.EXCHANGES), flows.UNKNOWN)),
        words("category", (flows.LARGE_TRANSFER, flows.EXCHANGE, flows.DEFI, flows.UNKNOWN)), "fresh", "processed",
        recent("created_at"),
    ]  # fmt: skip
    search_fields = ["transaction_hash", "exchange", "token_symbol"]
    search_help_text = "A transaction's hash, an exchange or a token."
    ordering = ["-created_at"]
    readonly_fields = ["predictions"]

    @admin.display(description="predictions")
    def predictions(self, alert: WhaleAlert) -> Any:
        """What it claimed of markets and what became of that: their item is `whale:<id>`."""
        item = f"whale:{alert.pk}"
        return list_link(Prediction, item, item=item)

    @admin.display(description="continues")
    def chain_link(self, alert: WhaleAlert) -> Any:
        """The first movement of its peel chain."""
        return link(WhaleAlert, alert.chained_to_id)


@admin.register(ExchangeWallet)
class ExchangeWalletAdmin(BigTableAdmin):
    """Whose addresses are whose; sets are loaded by `manage.py wallets load`, single ones may be added here."""

    list_display = ["owner", "chain", "address", "kind", "label", "source", "licence", "dated"]
    list_filter = [words("kind", flows.KINDS), words("chain", wire.EVM_CHAINS)]
    search_fields = ["owner", "address", "label"]
    ordering = ["owner", "chain", "address"]
    fields = ["chain", "address", "owner", "label", "kind", "source", "licence", "dated", "loaded_at"]
    readonly_fields = ["loaded_at"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Whole addresses by their index, everything else by words."""
        text = search_term.strip().lower()
        if text.startswith("0x"):
            return queryset.filter(Q(address=text)), False
        return super().get_search_results(request, queryset, search_term)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """With the checks that a loaded file passes too."""
        form = super().get_form(request, obj, change, **kwargs)

        class Checked(form):  # type: ignore[misc, valid-type]
            """Spells chain, address and owner as the table does."""

            def clean(self) -> Any:
                data = super().clean()
                found = wallet_files.wallet(data)
                if isinstance(found, str):
                    self.add_error(None, found)
                else:
                    data |= {
                        "chain": found.chain,
                        "address": found.address,
                        "owner": found.owner,
                        "kind": found.kind,
                    }
                try:
                    wallet_files.refuse_licence(data.get("licence") or "")
                except wallet_files.BadFile as error:
                    self.add_error("licence", str(error))
                return data

        return Checked


@admin.register(FlowSign)
class FlowSignAdmin(BigTableAdmin):
    """What a flow of an asset class says about crypto prices; whoever changes one writes down on which evidence."""

    list_display = ["asset_class", "direction", "sign", "evidence", "updated_at"]
    list_filter = [words("asset_class", CLASSES)]
    ordering = ["asset_class", "direction"]
    fields = ["asset_class", "direction", "sign", "evidence", "updated_at"]
    readonly_fields = ["asset_class", "direction", "updated_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Every class has its rows."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A sign of zero is how one is switched off."""
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """A sign needs its evidence."""
        form = super().get_form(request, obj, change, **kwargs)
        form.base_fields["evidence"].required = True
        return form

    def save_model(self, request: HttpRequest, obj: FlowSign, form: Any, change: bool) -> None:
        """With the time of the change."""
        obj.updated_at = timezone.now()
        super().save_model(request, obj, form, change)


@admin.register(WhaleTrigger)
class WhaleTriggerAdmin(BigTableAdmin):
    """From which size on a transfer is told; switched off instead of deleted, or the next migration brings it back."""

    list_display = ["name", "enabled", "category", "direction", "asset", "above_usd", "action", "priority"]
    ordering = ["name"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Switched off, not deleted."""
        return False

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Words that code knows are chosen, not typed."""
        choices = {
            "category": ("", flows.LARGE_TRANSFER, flows.EXCHANGE, flows.DEFI, flows.UNKNOWN),
            "direction": ("", flows.INFLOW, flows.OUTFLOW, flows.NEUTRAL),
            "action": triggering.ACTIONS,
            "priority": triggering.PRIORITIES,
        }.get(db_field.name)
        if choices is None:
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        return forms.ChoiceField(
            choices=[(word, word or "any") for word in choices], required=choices[0] != "",
            initial=db_field.default if isinstance(db_field.default, str) else None,
        )  # fmt: skip


@admin.register(AssetFlow)
class AssetFlowAdmin(ReadOnlyAdmin):
    """The usual size of each asset's transfers."""

    list_display = ["asset", "asset_class", "usual_dollars", "weight", "mean", "variance", "updated_at"]
    list_filter = [words("asset_class", CLASSES)]
    search_fields = ["asset"]
    ordering = ["asset"]

    @admin.display(description="usual size")
    def usual_dollars(self, flow: AssetFlow) -> str:
        """Dollars at the mean of the logarithms."""
        return f"${10**flow.mean:,.0f}" if flow.weight else "-"
