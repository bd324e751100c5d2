"""`manage.py order submit|cancel|show`: orders by hand."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from arbsite.exact_json import encode
from execution.by_hand import asking, manual
from execution.by_hand.manual import ORDER_TYPES, OrderAsked
from execution.by_hand.people import add_user, decimal, who
from execution.models import Order
from markets.platforms.base import PLATFORMS


class Command(BaseCommand):
    """Places, cancels and shows an order; prints JSON."""

    help = "Place an order by hand (it is checked like all others), cancel one, or show one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One subcommand each."""
        actions = parser.add_subparsers(dest="action", required=True)
        submit = actions.add_parser("submit", help="place an order")
        submit.add_argument("platform", choices=PLATFORMS)
        submit.add_argument("market_id")
        submit.add_argument("outcome", choices=["YES", "NO"])
        submit.add_argument("side", choices=["BUY", "SELL"])
        submit.add_argument("amount", type=decimal, help="contracts")
        submit.add_argument("--price", type=decimal, help="dollars per contract; without it a MARKET order")
        submit.add_argument("--max-slippage-pct", type=decimal, help="a fraction, such as 0.01")
        submit.add_argument("--time-in-force", default="IMMEDIATE_OR_CANCEL")
        submit.add_argument("--signal-id", default="")
        submit.add_argument("--post-only", action="store_true")
        add_user(submit)
        cancel = actions.add_parser("cancel", help="cancel an order")
        cancel.add_argument("order_id")
        add_user(cancel)
        actions.add_parser("show", help="show an order").add_argument("order_id")

    def handle(self, *_: Any, action: str, **options: Any) -> None:
        """Run the subcommand; exit status 1 where it is refused."""
        try:
            answer = getattr(self, f"_{action}")(**options)
        except asking.Refused as refused:
            raise CommandError(f"{refused.code}: {refused.sentence}") from refused
        self.stdout.write(encode(answer).decode())

    def _submit(self, *, user: str | None, **options: Any) -> Any:
        names = OrderAsked.__dataclass_fields__.keys() & options.keys()
        kind = ORDER_TYPES[0] if options["price"] is not None else ORDER_TYPES[1]
        asked = OrderAsked(**{name: options[name] for name in names}, order_type=kind)
        return manual.submit(asked, who(user), timezone.now())

    def _cancel(self, *, user: str | None, order_id: str, **_: Any) -> Any:
        return manual.cancel(order_id, who(user), timezone.now())

    def _show(self, *, order_id: str, **_: Any) -> Any:
        order = Order.objects.filter(pk=order_id).first()
        if order is None:
            raise CommandError(f"{asking.ORDER_UNKNOWN}: there is no order {order_id}")
        return manual.shown_order(order)
