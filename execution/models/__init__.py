"""Money and what holds it back: every model of the room by name, so that Django finds them here."""

from execution.models.accounts import MODES, Account, CashMovement, EquityPoint, ExitOffer
from execution.models.orders import Fill, Order, Plan, PlanStep, Position, Settling
from execution.models.risk import Difference, Halt, Reconciliation, RiskLimit, StopLoss

__all__ = [
    "MODES", "Account", "CashMovement", "Difference", "EquityPoint", "ExitOffer", "Fill", "Halt", "Order", "Plan",
    "PlanStep", "Position", "Reconciliation", "RiskLimit", "Settling", "StopLoss",
]  # fmt: skip
