"""Signals and evidence: every model of the room by name, so that Django finds them here."""

from signals.models.events import CalendarEvent, NewsCarrier, NewsEvent, PriceMove, WhaleAlert
from signals.models.scores import FlowPattern, MarketCorrelation, Prediction, SourceFit
from signals.models.signals import (
    ARBITRAGE,
    CALENDAR,
    COMPOSITE,
    NEWS,
    TYPES,
    WHALE,
    LegOutcome,
    Refusal,
    Signal,
    SignalSnapshot,
)
from signals.models.sources import Source
from signals.models.whales import AssetFlow, ExchangeWallet, FlowSign, WhaleTrigger

__all__ = [
    "ARBITRAGE", "CALENDAR", "COMPOSITE", "NEWS", "TYPES", "WHALE", "AssetFlow", "CalendarEvent", "ExchangeWallet",
    "FlowPattern", "FlowSign", "LegOutcome", "MarketCorrelation", "NewsCarrier", "NewsEvent", "Prediction", "PriceMove",
    "Refusal", "Signal", "SignalSnapshot", "Source", "SourceFit", "WhaleAlert", "WhaleTrigger",
]  # fmt: skip
