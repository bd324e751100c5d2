"""Sets of labelled addresses: two layouts, licences that allow it, and the same file twice."""

import json
from datetime import date
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from signals.models import ExchangeWallet, WhaleAlert
from signals.sources.whales import flows, wallet_files, wallets
from tests.signals.sources.whales.given import BINANCE, NOW, STRANGER, transfer

CSV = f"""chain,address,owner,label,kind
ethereum,{BINANCE.upper().replace("0X", "0x")},Binance 14,Binance 14,
ethereum,{STRANGER},Tether Treasury,,treasury
"""
GIVEN = {"source": "labels of ours", "licence": "MIT", "dated": "2026-01-31"}


@pytest.fixture
def path(tmp_path, db):
    ExchangeWallet.objects.all().delete()
    found = tmp_path / "set.csv"
    found.write_text(CSV)
    return found


def load(path, **given):
    return wallets.load(path, now=NOW, **{**GIVEN, **given})


def test_a_csv_is_loaded_once(path):
    assert load(path) == wallets.Loaded(2, 2, 0)
    assert load(path) == wallets.Loaded(2, 0, 0)
    row = ExchangeWallet.objects.get(address=BINANCE)
    assert (row.owner, row.kind, row.source, row.licence) == ("binance", "exchange", "labels of ours", "MIT")
    assert (row.dated, ExchangeWallet.objects.get(address=STRANGER).kind) == (date(2026, 1, 31), "treasury")


def test_a_newer_set_overwrites_and_an_older_one_does_not(path):
    load(path)
    path.write_text(CSV.replace("Binance 14,", "Kraken,"))
    assert load(path, dated="2025-12-31").changed == 0
    assert load(path, dated="2026-02-28").changed == 2
    assert ExchangeWallet.objects.get(address=BINANCE).owner == "kraken"


def test_a_json_says_itself_where_it_comes_from(tmp_path, db):
    ExchangeWallet.objects.all().delete()
    path = tmp_path / "set.json"
    told = {"wallets": [{"chain": "bitcoin", "address": "1AbC", "owner": "okx"}], **GIVEN}
    path.write_text(json.dumps(told))
    assert wallets.load(path, now=NOW).new == 1
    assert ExchangeWallet.objects.get().address == "1AbC"  # that chain minds the case


def test_our_own_seed(db):
    ExchangeWallet.objects.all().delete()
    assert wallets.load(wallets.SEED, now=NOW).new == 5
    assert BINANCE in wallets.watched("ethereum") and wallets.watched("polygon") == []
    assert wallets.of([transfer()]) == {("ethereum", BINANCE): flows.Owner("binance", "exchange")}
    assert wallets.of([]) == {}


@pytest.mark.parametrize(
    "licence",
    [
        "BUSL-1.1",
        "busl",
        "Business Source License 1.1",
        "CC BY-NC 4.0",
        "proprietary",
        "",
        "  ",
        "none",
        "UNKNOWN",
    ],
)
def test_a_licence_that_does_not_allow_it_is_refused(path, licence):
    with pytest.raises(wallet_files.BadFile, match="licence"):
        load(path, licence=licence)
    assert not ExchangeWallet.objects.exists()


@pytest.mark.parametrize("licence", ["MIT", "Apache-2.0", "CC0", "CC BY 4.0", "facts, five public addresses"])
def test_others_are_taken(licence):
    wallet_files.refuse_licence(licence)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("address,owner\n", "must begin with the line"), ("", "must begin with the line"),
        ("chain,address,owner\nethereum,0x12,a\n", "line 2: '0x12' is no address of ethereum"),
        ("chain,address,owner\n,1A,a\n", "line 2: it needs a chain"),
        ("chain,address,owner\nbitcoin,1A,\n", "line 2: it needs an owner"),
        ("chain,address,owner,kind\nbitcoin,1A,a,bank\n", "line 2: 'bank' is no kind"),
        ("chain,address,owner\nbitcoin,1A,a\nbitcoin,1A,b\n", "line 3: the address is given to a and to b"),
        ("chain,address,owner\nbitcoin,<script>,a\n", "is no address"),
        ("{", "is not JSON"), ("[]", "must be an object"),
    ],
)  # fmt: skip
def test_a_bad_file_names_its_line(path, text, why):
    path.write_text(text)
    with pytest.raises(wallet_files.BadFile, match=why):
        load(path)


def test_other_bad_input(path, tmp_path):
    for given, why in (
        ({"dated": "soon"}, "no day"),
        ({"source": ""}, "--source"),
        ({"dated": ""}, "no day"),
    ):
        with pytest.raises(wallet_files.BadFile, match=why):
            load(path, **given)
    with pytest.raises(wallet_files.BadFile, match="cannot be read"):
        load(tmp_path / "nowhere.csv")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(wallet_files.BadFile, match="UTF-8"):
        load(path)


def test_the_command(path, capsys):
    call_command("wallets", "load", str(path), "--source", "s", "--licence", "MIT", "--dated", "2026-01-31")
    assert capsys.readouterr().out == "2 wallets read, 2 new, 0 changed.\n"
    call_command("wallets", "list")
    assert (
        "binance              exchange       1  2026-01-31 to 2026-01-31  s (MIT)" in capsys.readouterr().out
    )
    call_command("wallets", "list", "--owner", "Binance")
    assert BINANCE in capsys.readouterr().out
    with pytest.raises(CommandError, match="licence"):
        call_command("wallets", "load", str(path), "--source", "s", "--dated", "2026-01-31")


def test_an_owner_that_is_not_loaded_is_named(path):
    with pytest.raises(CommandError, match="No wallet of 'nobody' is loaded"):
        call_command("wallets", "list", "--owner", "nobody")


def test_an_alert_is_called_by_its_dollars():
    alert = WhaleAlert(
        amount=Decimal("33287254.00"), token_symbol="ETH", direction="INFLOW", exchange="binance"
    )
    assert str(alert) == "$33,287,254 of ETH, INFLOW binance"
    assert str(WhaleAlert(token_symbol="ETH", direction="NEUTRAL")).startswith("an unknown amount of ETH")
