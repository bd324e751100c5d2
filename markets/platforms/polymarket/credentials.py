"""The API credentials of our wallet: derived at the first need, kept in memory only, derived anew when refused.

The wallet itself lives in the signer process, which proves it (L1); the platform gives the same credentials for the
same proof, so nothing has to be stored anywhere.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

import requests
from msgspec import Struct, convert
from msgspec import ValidationError as NotCredentials

from markets.platforms.base import Malformed, PlatformError, Refused, Throttle
from markets.platforms.polymarket.http import JsonHttp
from markets.platforms.polymarket.signing import Credentials, l2_headers
from markets.platforms.trading import Sign

log = logging.getLogger(__name__)

ENDPOINT = "clob-auth"
DERIVE, CREATE = "/auth/derive-api-key", "/auth/api-key"


class SignerAway(PlatformError):
    """The signer does not answer, or refuses to sign: the message says which."""


class _Wire(Struct, frozen=True, rename="camel"):
    api_key: str
    secret: str
    passphrase: str


class Login:
    """Who we are at the CLOB. Safe to use from several threads."""

    def __init__(
        self,
        clob_url: str,
        sign: Sign,
        *,
        session: requests.Session,
        throttle: Throttle | None,
        timeout: float,
        attempts: int,
        backoff: float,
        now: Callable[[], datetime],
    ) -> None:
        self._sign, self._now = sign, now
        self._lock = threading.RLock()
        self._known: Credentials | None = None
        self._address = ""
        self._proof: dict[str, str] = {}
        # The proof goes out with every attempt of the one call that it was made for
        self._http = JsonHttp(
            clob_url, session, throttle, timeout=timeout, attempts=attempts, backoff=backoff,
            auth=lambda *_: self._proof,
        )  # fmt: skip

    @property
    def address(self) -> str:
        """The wallet that signs, in checksum case; asks the signer alone. Raises SignerAway."""
        with self._lock:
            if not self._address:
                self._prove()
            return self._address

    def credentials(self) -> Credentials:
        """The credentials, derived at the first call. Raises PlatformError, or SignerAway."""
        with self._lock:
            if self._known is None:
                self._known = self._derived()
            return self._known

    def renew(self, refused: Credentials) -> Credentials:
        """After a 401: the signer reads its key again and the credentials are derived anew.

        Several threads may come with the same refused ones; only the first does the work. Raises as `credentials`.
        """
        with self._lock:
            if self._known is not None and self._known != refused:
                return self._known
            try:
                self._ask({"op": "reload"})
            except SignerAway as error:
                # Another process may have had it read again already: the platform decides whether the key is good
                log.warning("the signer does not read its keys again", extra={"why": str(error)})
            self._address = ""
            self._known = self._derived()
            return self._known

    def headers(self, method: str, path: str, body: bytes) -> dict[str, str]:
        """Headers of a private call (L2) over the very bytes that are sent. Raises as `credentials`."""
        credentials = self.credentials()
        return l2_headers(
            credentials, self.address, method, path, body, timestamp=int(self._now().timestamp())
        )

    def _derived(self) -> Credentials:
        self._prove()
        try:
            found = self._http.get(ENDPOINT, DERIVE, dict)
        except Refused as error:
            if error.status == 401:
                raise
            self._prove()  # a wallet that never traded has none yet
            found = self._http.post(ENDPOINT, CREATE, dict, {})
        try:
            wire = convert(found, _Wire)
        except NotCredentials as error:
            # Nothing of the answer is repeated: it may hold half a secret
            raise Malformed("Polymarket answers something else than API credentials") from error
        return Credentials(wire.api_key, wire.secret, wire.passphrase)

    def _prove(self) -> None:
        answer = self._ask({"op": "polymarket_login", "nonce": 0})
        self._proof = {str(name): str(value) for name, value in answer["headers"].items()}
        self._address = self._proof["POLY_ADDRESS"]

    def _ask(self, request: dict[str, object]) -> dict[str, dict[str, object]]:
        try:
            return dict(self._sign(request))
        except OSError as error:
            raise SignerAway(str(error)) from error
