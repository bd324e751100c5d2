"""Publishing by hand: a story, a transfer, an occasion, and blocks that are replaced. Actions as in `actions.py`.

    story     {"outlet", "title", "summary", "age", "after", "tags", "url", "junk", "pair", "cents", "lag"}
    transfer  {"symbol", "dollars", "chain", "from", "to", "type", "pair", "cents", "lag"}
    occasion  {"agency", "name", "after", "kind", "release", "pair", "cents", "lag"}
    reorg     {"chain", "depth"}

`age` is how many seconds before its appearance a story says it was published (below zero: in the future), `after` how many
seconds from now it appears or happens. With `pair` and `cents` the pair's value moves by so much (YES terms of Polymarket)
`lag` seconds later. An address is a name of `values.WALLETS` (binance), or an address, or empty for a stranger's.
"""

from typing import Any

from markets.books import MICRO
from markets.sandbox.context import Sandbox
from markets.sandbox.quotes import CENT
from markets.sandbox.sources.archive import ArchiveError, archive_of, stranger
from markets.sandbox.sources.values import (
    AGENCIES,
    BURN,
    COINS,
    MINT,
    OUTLETS,
    TRANSFER,
    WALLETS,
    Occasion,
    Story,
)

Args = dict[str, Any]
MOVING = frozenset({"pair", "cents", "lag"})
LONGEST_S = 366 * 86_400


def story(sandbox: Sandbox, args: Args) -> dict[str, Any]:
    """Have an outlet carry a story."""
    archive, now_ms = archive_of(sandbox), sandbox.now_ms()
    outlet, tags = args.get("outlet", "wire"), args.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ArchiveError("'tags' is a list of texts")
    if outlet not in OUTLETS:
        raise ArchiveError(f"'outlet' is one of {', '.join(OUTLETS)}, not {outlet!r}")
    appears = now_ms + seconds(args, "after", 0)
    made = archive.publish(
        Story(
            archive.next_number(), outlet, _text(args, "title"), _text(args, "summary", ""),
            appears - seconds(args, "age", 0), appears, tuple(tags), _text(args, "url", ""), _text(args, "junk", ""),
        ),
        now_ms,
    )  # fmt: skip
    return {
        "number": made.number, "outlet": made.outlet, "guid": made.guid, "url": made.link,
        "published_ms": made.published_ms, "appears_ms": made.appears_ms, "move": _move(sandbox, args, appears),
    }  # fmt: skip


def transfer(sandbox: Sandbox, args: Args) -> dict[str, Any]:
    """Have coins move on a chain, worth so many whole dollars."""
    archive, now_ms = archive_of(sandbox), sandbox.now_ms()
    chain, symbol, type_ = (
        args.get("chain", "ethereum"),
        args.get("symbol", "USDC"),
        args.get("type", TRANSFER),
    )
    coin, dollars = COINS.get((chain, symbol)), args["dollars"]
    if coin is None:
        known = ", ".join(f"{symbol} on {chain}" for chain, symbol in COINS)
        raise ArchiveError(f"there is no {symbol!r} on {chain!r}; there are {known}")
    if type(dollars) is not int or not 1 <= dollars <= 10**12:
        raise ArchiveError(f"'dollars' is a whole number from 1 to 10^12, not {dollars!r}")
    if type_ not in (TRANSFER, MINT, BURN):
        raise ArchiveError(f"'type' is {TRANSFER}, {MINT} or {BURN}, not {type_!r}")
    ends = [
        _address(str(args.get(end, "")), end, archive.seed, archive.next_number(), chain)
        for end in ("from", "to")
    ]
    units = dollars * MICRO * 10**coin.decimals // coin.price
    made = archive.move(coin, max(units, 1), ends[0], ends[1], now_ms, type_=type_)
    return {
        "hash": made.hash, "chain": chain, "height": made.height, "index": made.index, "from": made.from_address,
        "to": made.to_address, "units": str(made.units), "number": made.number, "move": _move(sandbox, args, now_ms),
    }  # fmt: skip


def occasion(sandbox: Sandbox, args: Args) -> dict[str, Any]:
    """Put something onto an agency's calendar, `after` seconds from now."""
    archive = archive_of(sandbox)
    agency, release = args.get("agency", "fed"), args.get("release", 0)
    if agency not in AGENCIES:
        raise ArchiveError(f"'agency' is one of {', '.join(AGENCIES)}, not {agency!r}")
    if type(release) is not int or release < 0:
        raise ArchiveError(f"'release' is a release's number at FRED, or 0, not {release!r}")
    starts = sandbox.now_ms() + seconds(args, "after", 300_000)
    made = archive.schedule(
        Occasion(
            archive.next_number(), agency, _text(args, "name"), starts, _text(args, "kind", "Stat"), release
        )
    )
    return {"number": made.number, "starts_ms": made.starts_ms, "move": _move(sandbox, args, starts)}


def reorg(sandbox: Sandbox, args: Args) -> dict[str, Any]:
    """Replace the last blocks of a chain."""
    chain, depth = args.get("chain", "ethereum"), args.get("depth", 1)
    if type(depth) is not int:
        raise ArchiveError(f"'depth' is a whole number, not {depth!r}")
    return dict(archive_of(sandbox).reorganise(str(chain), depth, sandbox.now_ms()))


def seconds(args: Args, name: str, default_ms: int) -> int:
    """A field in seconds as milliseconds. Raises ArchiveError."""
    if name not in args:
        return default_ms
    try:
        value = round(float(args[name]) * 1000)
    except (TypeError, ValueError, OverflowError):
        value = LONGEST_S * 1001
    if isinstance(args[name], bool) or abs(value) > LONGEST_S * 1000:
        raise ArchiveError(f"{name!r} is seconds, at most a year, not {args[name]!r}")
    return value


def _text(args: Args, name: str, default: str | None = None) -> str:
    value = args.get(name, default)
    if not isinstance(value, str) or (default is None and not value.strip()):
        raise ArchiveError(f"{name!r} is a text")
    return value


def _address(text: str, end: str, seed: int, number: int, chain: str) -> str:
    if not text:
        return stranger(seed, number, end, chain=chain)
    prefix = "bc1" if chain == "bitcoin" else "0x"
    for wallet in WALLETS.values():
        if wallet.owner == text.lower() and wallet.address.startswith(prefix):
            return wallet.address
    if not text.lower().startswith(prefix):
        raise ArchiveError(
            f"{end!r} is an address on {chain}, or one of {', '.join(_owners())}, not {text!r}"
        )
    return text.lower()


def _owners() -> list[str]:
    return sorted({wallet.owner for wallet in WALLETS.values()})


def _move(sandbox: Sandbox, args: Args, from_ms: int) -> dict[str, Any] | None:
    """Have a pair's value follow; None where none is asked for."""
    from markets.sandbox.actions import find_pair  # here: `actions` has this module in its table

    if "cents" not in args:
        return None
    cents = args["cents"]
    if type(cents) is not int or not 1 <= abs(cents) <= 50:
        raise ArchiveError(f"'cents' must be a whole number from 1 to 50, or below zero, not {cents!r}")
    pair, at_ms = find_pair(sandbox, args.get("pair", 0)), from_ms + seconds(args, "lag", 10_000)
    sandbox.traders.move(pair.id, cents * CENT, at_ms)
    return {"pair": pair.id, "polymarket": pair.polymarket_id, "kalshi": pair.kalshi_ticker, "at_ms": at_ms}


# The function of each action, the fields it takes, and those that it needs
TABLE = {
    "story": (
        story, MOVING | {"outlet", "title", "summary", "age", "after", "tags", "url", "junk"}, frozenset({"title"}),
    ),
    "transfer": (
        transfer, MOVING | {"symbol", "dollars", "chain", "from", "to", "type"}, frozenset({"dollars"}),
    ),
    "occasion": (occasion, MOVING | {"agency", "name", "after", "kind", "release"}, frozenset({"name"})),
    "reorg": (reorg, frozenset({"chain", "depth"}), frozenset()),
}  # fmt: skip
