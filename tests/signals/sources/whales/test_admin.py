"""What people may change about whales, and what is refused to them."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.urls import reverse

from signals.models import ExchangeWallet, FlowSign, WhaleAlert, WhaleTrigger
from signals.sources.whales import defaults
from tests.arbsite.callers import user
from tests.signals.sources.whales.given import BINANCE, STRANGER

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def owner(db, client):
    defaults.ensure(NOW)
    client.force_login(user("owner", is_superuser=True, is_staff=True))
    return client


def address(model, page, *args):
    return reverse(f"admin:signals_{model._meta.model_name}_{page}", args=args)


def test_a_trigger_is_changed_and_never_deleted(owner):
    row = WhaleTrigger.objects.get(name="large_transfer")
    form = {
        "name": row.name, "enabled": "on", "category": "", "direction": "INFLOW", "asset": "", "above_usd": "2000000",
        "action": "signal", "priority": "HIGH",
    }  # fmt: skip
    assert owner.post(address(WhaleTrigger, "change", row.pk), form).status_code == 302
    row.refresh_from_db()
    assert (row.above_usd, row.direction, row.priority) == (Decimal(2_000_000), "INFLOW", "HIGH")
    wrong = owner.post(address(WhaleTrigger, "change", row.pk), {**form, "priority": "LOUD"})
    assert wrong.status_code == 200 and b"LOUD is not one of the available choices" in wrong.content
    assert owner.post(address(WhaleTrigger, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_a_sign_needs_its_evidence(owner):
    row = FlowSign.objects.get(asset_class="eth", direction="INFLOW")
    url = address(FlowSign, "change", row.pk)
    assert owner.post(url, {"sign": "-1", "evidence": ""}).status_code == 200
    assert owner.post(url, {"sign": "2", "evidence": "x"}).status_code == 200
    row.refresh_from_db()
    assert row.sign == 0
    assert owner.post(url, {"sign": "-1", "evidence": "our own scorecard of June"}).status_code == 302
    row.refresh_from_db()
    assert (row.sign, row.evidence) == (-1, "our own scorecard of June") and row.updated_at > NOW


def wallet(**fields):
    return {
        "chain": "Ethereum", "address": STRANGER.upper().replace("0X", "0x"), "owner": "OKX 3", "label": "OKX 3",
        "kind": "exchange", "source": "by hand", "licence": "own", "dated": "2026-01-31", **fields,
    }  # fmt: skip


def test_a_wallet_is_spelled_as_the_table_spells_it(owner):
    assert owner.post(address(ExchangeWallet, "add"), wallet()).status_code == 302
    row = ExchangeWallet.objects.get(owner="okx")
    assert (row.chain, row.address) == ("ethereum", STRANGER)


@pytest.mark.parametrize(
    "fields", [{"address": "0x12"}, {"kind": "bank"}, {"licence": "BUSL-1.1"}, {"licence": ""}]
)
def test_a_bad_wallet_is_refused(owner, fields):
    assert owner.post(address(ExchangeWallet, "add"), wallet(**fields)).status_code == 200
    assert not ExchangeWallet.objects.filter(owner="okx").exists()


def test_wallets_are_found_by_their_whole_address(owner):
    response = owner.get(address(ExchangeWallet, "changelist"), {"q": BINANCE.upper()})
    assert response.context["cl"].result_count == 1


def test_alerts_are_filtered_and_hostile_text_is_escaped(owner):
    WhaleAlert.objects.create(
        transaction_hash="0x1", amount=1, direction="INFLOW", asset="USDC", exchange="<b>x</b>", fresh=True
    )
    WhaleAlert.objects.create(
        transaction_hash="0x2", amount=1, direction="OUTFLOW", asset="BTC", exchange="okx", fresh=False
    )
    url = address(WhaleAlert, "changelist")
    for query in ({"direction": "INFLOW"}, {"asset": "USDC"}, {"exchange": "okx"}, {"fresh__exact": "1"}):
        assert owner.get(url, query).context["cl"].result_count == 1, query
    assert b"<b>x</b>" not in owner.get(url).content
