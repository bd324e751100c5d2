"""`manage.py signer`: holds the private keys and signs for the other processes, behind a local socket."""

import argparse
import json
import signal
import threading
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from arbsite.config import Config, Kalshi, Polymarket
from markets import signer_client
from markets.signer.bounds import Bounds, Refusal
from markets.signer.halting import Switch
from markets.signer.keys import Keys, Sources
from markets.signer.server import SignerServer, keep_memory_private
from markets.signer.service import Limits, Signer

SERVE, HALT = "serve", "halt"
BY_HAND = "halted by hand"


class Command(BaseCommand):
    """Serve until SIGTERM, or tell the signer that serves something."""

    help = "Hold the platforms' private keys and sign requests for the other processes (local socket only)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """What to do; without an argument it serves."""
        words = [SERVE, "status", HALT, "release", "reload"]
        parser.add_argument("what", nargs="?", default=SERVE, choices=words)
        parser.add_argument("--why", default="", help="with halt: why no more orders are signed")

    def handle(self, *_: Any, what: str, why: str, **__: Any) -> None:
        """Serve, or ask."""
        if what == SERVE:
            self._serve(settings.ARBSITE)
            return
        asks: dict[str, Callable[[], dict[str, Any]]] = {
            "status": signer_client.status, HALT: lambda: signer_client.halt(why or BY_HAND),
            "release": signer_client.release, "reload": signer_client.reload,
        }  # fmt: skip
        try:
            self.stdout.write(json.dumps(asks[what](), indent=2))
        except signer_client.SignerError as error:
            if what != HALT:
                raise CommandError(str(error)) from error
            # Nobody serves: it will find the file when it starts
            Switch(settings.ARBSITE.connector.signer_path).pull(why or BY_HAND, timezone.now())
            self.stdout.write("No signer answers; it will be halted when it starts.")

    def _serve(self, config: Config) -> None:
        """Read the keys, open the socket, serve."""
        path = config.connector.signer_path
        try:
            keep_memory_private()  # before a key is in it
            server = SignerServer(path, Signer(read_keys, limits(config), Switch(path)))
        except (Refusal, OSError) as error:
            raise CommandError(str(error)) from None
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: threading.Thread(target=server.shutdown).start())
        self.stdout.write(f"signing on {path}")
        try:
            server.serve_forever(poll_interval=0.2)
        finally:
            server.server_close()


def read_keys() -> Keys:
    """The keys as they are now; the Kalshi key id is read anew, too, since it changes with the key."""
    kalshi, polymarket = Kalshi(), Polymarket()
    return Keys(
        Sources(
            kalshi_key_id=kalshi.key_id.get_secret_value(),
            kalshi_file=kalshi.private_key_file,
            polymarket_file=polymarket.private_key_file,
            command=settings.ARBSITE.signer.secret_command,
        )
    )


def limits(config: Config) -> Limits:
    """The signer's own limits, of its own process's settings."""
    own = config.signer
    return Limits(
        Bounds(own.max_order_notional, own.max_order_contracts, own.max_price),
        own.orders_per_minute,
        signature_type=config.polymarket.signature_type,
        funder=config.polymarket.funder,
    )
