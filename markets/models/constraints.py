"""What the room's tables have in common: the length of an id, and the database's checks of figures."""

from django.db import models
from django.db.models import Q

# Polymarket's condition ids have 66 characters; the specification's 64 would cut them
ID_LENGTH = 128


def between_0_and_1(*fields: str, name: str) -> models.CheckConstraint:
    """Prices and probabilities: never below 0 or above 1; empty where unknown."""
    condition = Q()
    for field in fields:
        condition &= Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__gte": 0, f"{field}__lte": 1})
    return models.CheckConstraint(condition=condition, name=name)


def not_negative(*fields: str, name: str) -> models.CheckConstraint:
    """Sizes and volumes are never negative; empty where unknown."""
    condition = Q()
    for field in fields:
        condition &= Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__gte": 0})
    return models.CheckConstraint(condition=condition, name=name)
