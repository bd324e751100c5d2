"""stub"""
from decimal import Decimal
def of(said, items, shared): return 0, Decimal(0), ""
