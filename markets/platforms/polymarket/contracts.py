"""The platform's contracts on Polygon (chain 137), and what people call them."""

CHAIN_ID = 137
PUSD = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"
CONDITIONAL_TOKENS = "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045"
EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK_EXCHANGE = "0xe2222d279d744050d28e00520010520000310F59"
EXCHANGE_V3 = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"
# Adapters split, merge and redeem for pUSD; tokens of neg-risk events have one of their own
ADAPTER = "0xAdA100Db00Ca00073811820692005400218FcE1f"
NEG_RISK_ADAPTER = "0xadA2005600Dec949baf300f4C6120000bDB6eAab"
OLD_NEG_RISK_ADAPTER = "0xd91E80cF2E7be2e162c6513ceD06f1dD0dA35296"
# Protocol V2
POSITION_MANAGER = "0x006F54F7f9A22e0000CC2AB60031000000ae9fEF"
ROUTER = "0x12121212006e4CD160D18e3f00711DA5c3372600"
AUTO_REDEEMER = "0xa1200000d0002264C9a1698e001292D00E1b00af"

NAMES = {
    address.lower(): words
    for address, words in (
        (EXCHANGE, "the exchange"),
        (NEG_RISK_EXCHANGE, "the neg-risk exchange"),
        (EXCHANGE_V3, "the exchange of Protocol V2"),
        (ADAPTER, "the pUSD adapter"),
        (NEG_RISK_ADAPTER, "the neg-risk pUSD adapter"),
        (OLD_NEG_RISK_ADAPTER, "the neg-risk adapter"),
        (POSITION_MANAGER, "the position manager"),
        (ROUTER, "the router of Protocol V2"),
        (AUTO_REDEEMER, "the auto-redeemer"),
    )
}
