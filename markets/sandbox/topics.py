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

# Questions that only look alike: topics of their own, so that none is by accident the question of a true pair.
LOOKALIKES = (
    Topic("KXSBXGOLD", "Financials", "the price of gold", "${x}", 4_100, 5, "the sandbox's metal exchange"),
    Topic("KXSBXOIL", "Economics", "the price of crude oil", "${x}", 61, 1, "the sandbox's oil desk"),
    Topic(
        "KXSBXJOBS", "Economics", "the number of new jobs", "{x} thousand", 120, 5, "the sandbox's labour office",
        fee_rate="0.04", fee_label="economics_fees",
    ),
    Topic(
        "KXSBXPOLL", "Politics", "the leader's approval in the weekly poll", "{x} tenths of a percent", 410, 2,
        "the sandbox's polling institute", fee_rate="0.04", fee_label="politics_fees",
    ),
    Topic(
        "KXSBXSNOW", "Climate and Weather", "the snow depth in Denver", "{x} inches", 3, 1,
        "the sandbox's Denver station",
    ),
    Topic("KXSBXSTREAM", "Entertainment", "the streams of the top song", "{x} million", 50, 1, "the sandbox's music chart"),
    Topic("KXSBXEURO", "Financials", "the price of a hundred euros", "${x}", 112, 1, "the sandbox's currency desk"),
)  # fmt: skip
# Kalshi's events of several markets: brackets that exclude each other, and ladders of thresholds.
BRACKETS = Topic(
    "KXSBXWIND", "Climate and Weather", "the top wind speed in Chicago", "{x} mph", 20, 10,
    "the sandbox's Chicago station",
)  # fmt: skip
LADDERS = Topic(
    "KXSBXNDX", "Financials", "the closing value of the technology index", "{x}", 24_000, 250,
    "the sandbox's index provider",
)  # fmt: skip
# Polymarket's events of several markets: a contest, its category, who names the winner, and who takes part.
CONTESTS = (
    ("the sandbox bake-off", "Entertainment", "the sandbox's jury", ("Ada Crumb", "Ben Rye", "Cleo Bun", "Dan Yeast")),
    ("the sandbox regatta", "Sports", "the sandbox's race committee", ("Albatross", "Barracuda", "Cormorant", "Dolphin")),
    ("the sandbox book prize", "World", "the sandbox's academy", ("Iris Vale", "Jonas Reed", "Kira Moss", "Leo Hart")),
)  # fmt: skip
ALL_TOPICS = (*TOPICS, *LOOKALIKES, BRACKETS, LADDERS)
