"""What a face of the sandbox is handed: one object with everything it may use.

A face is a module with functions that take a `Sandbox` and return Tornado routes (or a whole `Application`):

    markets/sandbox/kalshi/app.py        routes(sandbox)                              REST and WebSocket
    markets/sandbox/polymarket/app.py    clob_routes(sandbox), gamma_routes(sandbox), data_routes(sandbox)

It keeps its own accounts (balances, positions, fills) in `sandbox.shared` under its platform's name and follows the
engine as a listener. Its WebSocket handlers set TCP_NODELAY themselves and register with `sandbox.faults`. Everything
runs on one event loop; `sandbox.later` is the only timer a face needs. `urls` is filled before the routes are made.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from markets.sandbox.clock import Clock, Later
from markets.sandbox.engine import Engine
from markets.sandbox.faults import Faults
from markets.sandbox.generate import digest
from markets.sandbox.plants import Plants
from markets.sandbox.traders import Traders
from markets.sandbox.world import World

if TYPE_CHECKING:
    from markets.sandbox.memory import Memory


@dataclass(frozen=True, slots=True)
class KalshiAccount:
    """An account that may trade on the Kalshi face."""

    name: str  # the engine's account id
    key_id: str
    public_pem: str  # RSA or Ed25519 public key
    balance: int = 10_000_000_000  # micro-dollars at start


@dataclass(frozen=True, slots=True)
class PolymarketAccount:
    """A wallet that may trade on the Polymarket face. API credentials come from the face's own L1 endpoint."""

    name: str
    address: str  # 0x + 40 hex, checksum case: the signing address
    balance: int = 10_000_000_000  # micro-dollars of collateral at start
    funder: str = ""  # the wallet that holds the money; empty: the address itself


@dataclass(slots=True)
class SandboxConfig:
    """Switches of the faces' behaviour that are not faults. Times in milliseconds."""

    kalshi_read_lag_ms: int = 0  # REST reads of orders show the state of that long ago
    kalshi_rate_limits: bool = True
    polymarket_rate_limits: bool = True
    polymarket_mined_ms: int = 400  # MATCHED -> MINED
    polymarket_confirmed_ms: int = 900  # MATCHED -> CONFIRMED
    polymarket_blocked: bool = False  # the geoblock says so, and orders are refused
    polymarket_closed_only: bool = False  # accounts may only reduce what they hold
    clock_skew_ms: int = 20_000  # how far a signed timestamp may be off
    chain_id: int = 137


@dataclass(slots=True)
class Sandbox:
    """The exchange, as its faces and its control endpoint see it."""

    world: World
    engine: Engine
    faults: Faults
    traders: Traders
    plants: Plants
    clock: Clock
    later: Later  # later(delay_ms, function) on the loop; the server puts its own here
    config: SandboxConfig = field(default_factory=SandboxConfig)
    kalshi_accounts: list[KalshiAccount] = field(default_factory=list)
    polymarket_accounts: list[PolymarketAccount] = field(default_factory=list)
    urls: dict[str, str] = field(default_factory=dict)  # filled when the ports are known
    # Rows for GET /control/state that a face wants shown: name -> function that returns JSON-able facts.
    facts: dict[str, Callable[[], Any]] = field(default_factory=dict)
    # What a face keeps between its own functions (one ledger for clob and data, say), under a name of its own.
    shared: dict[str, Any] = field(default_factory=dict)
    run: int = 0  # how often this exchange was started before
    memory: "Memory | None" = None  # what lets it be started again, where a file was given

    def now_ms(self) -> int:
        """Now, Unix milliseconds."""
        return self.clock.now_ms()

    @property
    def chance(self) -> int:
        """The seed of what is drawn in this run: an exchange that is started again repeats neither ids nor stories."""
        seed = self.world.spec.seed
        return digest(seed, "run", self.run) if self.run else seed
