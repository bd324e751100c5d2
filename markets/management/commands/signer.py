"""`manage.py signer`: holds the private keys and signs for the other processes, behind a local socket."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from markets.signer import Keys, Refusal, Signer, SignerServer


class Command(BaseCommand):
    """Serve until SIGTERM."""

    help = "Hold the platforms' private keys and sign requests for the other processes (local socket only)."
    requires_system_checks: list[str] = []

    def handle(self, *_: Any, **__: Any) -> None:
        """Read the keys, open the socket, serve."""
        config = settings.ARBSITE
        path = config.connector.signer_path
        try:
            keys = Keys(
                kalshi_key_id=config.kalshi.key_id.get_secret_value(),
                kalshi_file=config.kalshi.private_key_file,
                polymarket_file=config.polymarket.private_key_file,
            )
            server = SignerServer(path, Signer(keys))
        except (Refusal, OSError) as error:
            raise CommandError(str(error)) from error
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: threading.Thread(target=server.shutdown).start())
        self.stdout.write(f"signing on {path}")
        try:
            server.serve_forever(poll_interval=0.2)
        finally:
            server.server_close()
