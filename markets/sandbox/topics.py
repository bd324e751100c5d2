"""What the sandbox's invented questions are about: one row per series, texts with the blanks of a market."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """A family of questions. `{x}` is the threshold, `{day}` the day on which it is measured."""

    series: str  # Kalshi series ticker
    category: str
    subject: str  # what is measured
    unit: str  # how a threshold is written, `{x}` inside
    low: int  # thresholds run from `low` in steps of `step`
    step: int
    source: str
    fee_type: str = "quadratic"  # Kalshi
    fee_multiplier: str = "1"  # Kalshi
    fee_rate: str = "0.05"  # Polymarket
    fee_label: str = "general_fees"  # Polymarket's feeType

    def threshold(self, number: int) -> str:
        """The threshold of the topic's market `number`, as text."""
        return self.unit.format(x=f"{self.low + self.step * number:,}")


TOPICS = (
    Topic(
        "KXSBXBTC",
        "Crypto",
        "the price of Bitcoin",
        "${x}",
        80_000,
        500,
        "the sandbox's BTC index",
        fee_rate="0.07",
        fee_label="crypto_fees_v2",
    ),
    Topic(
        "KXSBXHIGHNY",
        "Climate and Weather",
        "the high temperature in New York",
        "{x}°F",
        40,
        1,
        "the sandbox's New York station",
    ),
    Topic(
        "KXSBXCPI",
        "Economics",
        "US consumer price inflation over twelve months",
        "{x} basis points",
        210,
        5,
        "the sandbox's statistics office",
    ),
    Topic(
        "KXSBXSENATE",
        "Politics",
        "the number of Senate seats held by the majority",
        "{x} seats",
        48,
        1,
        "the sandbox's election desk",
        fee_rate="0.04",
        fee_label="politics_fees",
    ),
    Topic(
        "KXSBXGAME",
        "Sports",
        "the total points of the featured game",
        "{x} points",
        180,
        3,
        "the sandbox's league office",
        fee_multiplier="0.5",
        fee_label="sports_fees_v2",
    ),
    Topic(
        "KXSBXSPX",
        "Financials",
        "the closing value of the large-cap index",
        "{x}",
        6_000,
        25,
        "the sandbox's index provider",
        fee_multiplier="0.5",
        fee_rate="0.04",
        fee_label="finance_fees",
    ),
    Topic(
        "KXSBXTREATY",
        "World",
        "the number of countries that signed the treaty",
        "{x} countries",
        20,
        2,
        "the sandbox's treaty register",
        fee_rate="0",
        fee_label="",
    ),
    Topic(
        "KXSBXETH",
        "Crypto",
        "the price of Ether",
        "${x}",
        2_500,
        50,
        "the sandbox's ETH index",
        fee_rate="0.07",
        fee_label="crypto_fees_v2",
    ),
    Topic(
        "KXSBXLAUNCH",
        "Science and Technology",
        "the number of orbital launches this year",
        "{x} launches",
        150,
        5,
        "the sandbox's launch log",
        fee_rate="0.04",
        fee_label="tech_fees",
    ),
    Topic(
        "KXSBXFED",
        "Economics",
        "the upper bound of the policy rate",
        "{x} basis points",
        300,
        25,
        "the sandbox's central bank",
        fee_type="quadratic_with_maker_fees",
    ),
    Topic(
        "KXSBXRAIN",
        "Climate and Weather",
        "the monthly rainfall in Seattle",
        "{x} tenths of an inch",
        20,
        4,
        "the sandbox's Seattle station",
    ),
    Topic(
        "KXSBXFILM",
        "Entertainment",
        "the opening weekend of the featured film",
        "${x} million",
        40,
        10,
        "the sandbox's box office",
    ),
)
