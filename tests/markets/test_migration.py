"""What was approved before verdicts were kept stays approved, and is carried over with a version."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def old(transactional_db):
    """The tables as they were, and all migrations again afterwards."""
    executor = MigrationExecutor(connection)
    executor.migrate([("markets", "0002_prices")])
    yield executor.loader.project_state([("markets", "0002_prices")]).apps
    forward()


def forward():
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def old_rows(apps, number, username, *, changed=False):
    import hashlib

    from django.contrib.auth import get_user_model

    market, pair, bet = (apps.get_model("markets", name).objects for name in ("Market", "Pair", "Bet"))
    user = get_user_model().objects.get_or_create(username=username)[0]
    texts = ("Rain?", "It rains.", "a gauge")
    for platform in ("polymarket", "kalshi"):
        market.create(
            id=f"{platform}-{number}", platform=platform, slug="s", question=texts[0], rules=texts[1],
            resolution_source=texts[2], status="OPEN", outcomes=[{"name": "YES", "label": "Yes", "token_id": ""}],
        )  # fmt: skip
    digest = hashlib.sha256("\x1f".join([*texts, *texts, "False"]).encode()).hexdigest()
    row = bet.create(id=f"pair:{number}", kind="pair", states=["happens", "fails"])
    return pair.create(
        polymarket_id=f"polymarket-{number}", kalshi_id=f"kalshi-{number}", status="APPROVED", approved_by_id=user.pk,
        approved_at=NOW, bet=row, rules_digest="0" * 64 if changed else digest, m0=Decimal("0.01"),
    ).pk  # fmt: skip


def test_approvals_are_carried_over(old):
    by_person, by_sandbox = old_rows(old, 1, "paula"), old_rows(old, 2, "sandbox")
    changed = old_rows(old, 3, "paula", changed=True)
    forward()
    from markets.models import Pair
    from markets.pairing import pairs

    one, two, three = (Pair.objects.get(pk=pk) for pk in (by_person, by_sandbox, changed))
    assert (one.status, one.origin, one.settlement, one.rules_digest) == (
        "APPROVED", "hand", "unknown", pairs.rules_digest(one),
    )  # fmt: skip
    assert (
        one.versions.get().user.username == "paula"
        and one.versions.get().seen["kalshi"]["rules"] == "It rains."
    )
    assert (one.bet.m0, one.bet.settlement, one.bet.read_by_person, one.bet.status) == (
        Decimal("0.01"), "unknown", True, "ACTIVE",
    )  # fmt: skip
    assert (two.origin, two.settlement, two.bet.origin, two.bet.read_by_person) == (
        "sandbox",
        "clean",
        "sandbox",
        False,
    )
    assert not three.versions.exists()
    assert pairs.suspend_changed(["kalshi-1", "kalshi-2", "kalshi-3"], now=NOW) == 1
    three.refresh_from_db()
    assert three.status == "SUSPENDED" and "before verdicts were kept" in three.suspended_why
