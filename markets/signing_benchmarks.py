"""How long signing an order takes, beside the signer of the platform's own client in the same run."""

from arbsite.bench import best_of
from arbsite.registry import Figure
from markets.platforms.polymarket import orders
from markets.platforms.polymarket.contracts import CHAIN_ID, EXCHANGE

TARGET = 0.2
OURS, THEIRS = 2_000, 200  # signatures in a run
KEY = "0x" + "11" * 32  # thrown away: never fund it
TOKEN = "25070934348813416902477876984955073880416401960631253331845590271167412497744"


def signing() -> list[Figure]:
    """One order of a plain wallet: struct, digest, signature, hex."""
    from py_clob_client_v2.order_utils.exchange_order_builder_v2 import ExchangeOrderBuilderV2
    from py_clob_client_v2.order_utils.model.order_data_v2 import OrderDataV2
    from py_clob_client_v2.order_utils.model.side import Side
    from py_clob_client_v2.signer import Signer

    wallet = Signer(KEY, CHAIN_ID)
    builder = ExchangeOrderBuilderV2(EXCHANGE, CHAIN_ID, wallet)
    data = OrderDataV2(
        maker=wallet.address(), signer=wallet.address(), tokenId=TOKEN, makerAmount="5000000",
        takerAmount="10000000", side=Side.BUY, timestamp="1790000000123",
    )  # fmt: skip
    theirs = builder.build_signed_order(data)
    key = orders.private_key(KEY)

    def made(salt: int) -> orders.Order:
        maker = wallet.address()
        return orders.Order(
            salt, maker, maker, TOKEN, 5_000_000, 10_000_000, orders.BUY, 0, 1_790_000_000_123
        )

    same = orders.sign_order(key, made(int(theirs.salt)), "2", EXCHANGE)
    assert same == theirs.signature, "both sign the same, or the figures mean nothing"

    def we() -> None:
        for salt in range(OURS):
            orders.sign_order(key, made(salt), "2", EXCHANGE)

    def they() -> None:
        for _ in range(THEIRS):
            builder.build_signed_order(data)

    ours, reference = best_of(we) / OURS, best_of(they) / THEIRS
    ratio = ours / reference
    return [
        Figure(
            "signing an order", ratio, "ratio",
            f"the official client's signer, {reference * 1e6:.0f} µs; ours {ours * 1e6:.0f} µs",
            f"≤ {TARGET}", ratio <= TARGET,
        )
    ]  # fmt: skip
