"""The kill switch, reconciliations and differences in the admin. Both of what people do there needs a reason."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from arbsite.admin import BigTableAdmin, ReadOnlyAdmin, link, pretty, recent, words
from execution.halting import halts
from execution.models import MODES, Difference, Halt, Reconciliation
from execution.reconciling import reconcile
from markets.models import Market
from markets.platforms.base import PLATFORMS


class WhyForm(ActionForm):
    """An action with its reason."""

    why = forms.CharField(required=False, label="Why", max_length=2_000)


class HaltForm(forms.ModelForm):
    """Where trading is stopped, and why."""

    platform = forms.ChoiceField(
        choices=[("", "every platform"), *((one, one) for one in PLATFORMS)], required=False
    )

    class Meta:
        model = Halt
        fields = ["platform", "market", "why", "cancel_open"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "market" in self.fields:  # not on the page of a halt that stands: everything there is only read
            self.fields["market"].required = False

    def clean(self) -> dict[str, Any]:
        """The market belongs to the platform."""
        found = super().clean() or {}
        market, platform = found.get("market"), found.get("platform")
        if market is not None and platform and market.platform != platform:
            self.add_error("market", f"This market is on {market.platform}.")
        return found


class Standing(admin.SimpleListFilter):
    """Halts that stand, or those that were lifted."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Both."""
        return [("standing", "standing"), ("lifted", "lifted")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Only the chosen ones."""
        return queryset.filter(lifted_at__isnull=self.value() == "standing") if self.value() else queryset


@admin.register(Halt)
class HaltAdmin(BigTableAdmin):
    """What is stopped, by whom, and why. Adding one stops trading; the action lets it go on."""

    form = HaltForm
    action_form = WhyForm
    actions = ["resume"]
    list_display = [
        "created_at", "state", "place", "why", "by", "code", "cancel_open", "cleared_at", "lifted_at", "lifted_by",
    ]  # fmt: skip
    list_filter = [
        Standing,
        words("platform", PLATFORMS),
        recent("created_at"),
    ]
    list_select_related = ["market"]
    search_fields = ["code", "why", "=market__id"]
    ordering = ["-created_at"]
    autocomplete_fields = ["market"]
    _shown = [
        "code", "platform", "market_link", "why", "by", "cancel_open", "created_at", "cleared_at", "lifted_at", "lifted_by",
        "lifted_why",
    ]  # fmt: skip

    def get_fields(self, request: HttpRequest, obj: Halt | None = None) -> list[str]:
        """Few when halting, all of them afterwards."""
        return list(HaltForm.Meta.fields) if obj is None else self._shown

    def get_readonly_fields(self, request: HttpRequest, obj: Halt | None = None) -> list[str]:
        """A halt is never edited."""
        return [] if obj is None else self._shown

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Who may stop trading."""
        return request.user.has_perm("execution.can_halt")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits it: it is lifted."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It is history."""
        return False

    def has_resume_permission(self, request: HttpRequest) -> bool:
        """Who may let trading go on."""
        return request.user.has_perm("execution.can_resume")

    def save_model(self, request: HttpRequest, obj: Halt, form: Any, change: bool) -> None:
        """Halt through the service; a halt that stands already is the one."""
        made = halts.halt(
            obj.why, by=request.user.get_username(), now=timezone.now(), platform=obj.platform,
            market_id=obj.market_id or "", cancel_open=obj.cancel_open,
        )  # fmt: skip
        obj.pk = made.pk

    @admin.action(description="Let trading go on (say why)", permissions=["resume"])
    def resume(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Lift the chosen halts."""
        try:
            lifted = halts.resume(
                list(queryset), request.user, request.POST.get("why", ""), now=timezone.now()
            )
        except halts.HaltError as error:
            self.message_user(request, f"Nothing was resumed: {error}.", messages.ERROR)
            return
        for halt in lifted:
            self.log_change(request, halt, f"Lifted: {halt.lifted_why}")
        self.message_user(request, f"{len(lifted)} halts are lifted.", messages.SUCCESS)

    @admin.display(description="state", ordering="lifted_at")
    def state(self, halt: Halt) -> str:
        """Whether it stops orders now."""
        return "STANDING" if halt.lifted_at is None else "lifted"

    @admin.display(description="where")
    def place(self, halt: Halt) -> str:
        """Market, platform, or everything."""
        return halt.market_id or halt.platform or "everything"

    @admin.display(description="market")
    def market_link(self, halt: Halt) -> SafeString | str:
        """The market's page."""
        return link(Market, halt.market_id)


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin):
    """Comparisons; `passed` is unknown where the platform could not be asked."""

    list_display = ["started_at", "platform", "mode", "reason", "passed", "found", "error"]
    list_filter = [
        words("platform", PLATFORMS), words("mode", MODES), words("reason", Reconciliation.REASONS), "passed",
        recent("started_at"),
    ]  # fmt: skip
    ordering = ["-id"]
    fields = ["platform", "mode", "reason", "passed", "counts_text", "error", "started_at", "finished_at"]
    readonly_fields = ["counts_text"]

    @admin.display(description="found")
    def found(self, row: Reconciliation) -> str:
        """What was looked at, repaired and left, in a line."""
        seen = [
            f"{row.counts[name]} {name}" for name in ("orders", "fills", "positions") if row.counts.get(name)
        ]
        done = [f"{row.counts[name]} {name}" for name in ("repaired", "open") if row.counts.get(name)]
        return "; ".join(part for part in (", ".join(seen), ", ".join(done)) if part) or "-"

    @admin.display(description="counts")
    def counts_text(self, row: Reconciliation) -> SafeString:
        """What was looked at, repaired and left."""
        return pretty(row.counts)


@admin.register(Difference)
class DifferenceAdmin(ReadOnlyAdmin):
    """What the platforms and we tell differently. Open ones block new orders."""

    action_form = WhyForm
    actions = ["accept"]
    list_display = [
        "found_at", "platform", "kind", "market_link", "sentence", "repair", "seen_at", "closed_at", "closed_by",
    ]  # fmt: skip
    list_filter = [
        words("platform", PLATFORMS), words("mode", MODES), ("closed_at", admin.EmptyFieldListFilter), recent("found_at"),
    ]  # fmt: skip
    list_select_related = ["market"]
    search_fields = ["=subject", "kind", "=market__id"]
    ordering = ["-found_at"]
    fields = [
        "platform", "mode", "kind", "subject", "market_link", "ours", "theirs", "sentence", "repair", "found_at", "seen_at",
        "closed_at", "closed_by",
    ]  # fmt: skip
    readonly_fields = ["market_link"]

    def has_accept_permission(self, request: HttpRequest) -> bool:
        """Whoever may let trading go on."""
        return request.user.has_perm("execution.can_resume")

    @admin.action(description="Take the platform's word (say why)", permissions=["accept"])
    def accept(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Set our books to what the platform says."""
        for row in queryset.order_by("id"):
            try:
                reconcile.accept(row, request.user, request.POST.get("why", ""), now=timezone.now())
            except reconcile.CannotAccept as error:
                self.message_user(request, f"{row.subject}: {error}.", messages.ERROR)
                continue
            self.log_change(request, row, f"Accepted: {request.POST['why']}")
            self.message_user(request, f"{row.subject}: accepted.", messages.SUCCESS)

    @admin.display(description="market")
    def market_link(self, row: Difference) -> SafeString | str:
        """The market's page."""
        return link(Market, row.market_id)
