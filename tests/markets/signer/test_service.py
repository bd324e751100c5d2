"""The signer's answers and its socket."""

import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from markets import signer_client
from markets.platforms.kalshi import signing
from markets.platforms.polymarket import orders
from markets.sandbox.keys import make_keys
from markets.sandbox.polymarket.eip712 import SignedOrder, order_signer
from markets.signer import server as sockets
from markets.signer.bounds import Refusal
from markets.signer.keys import Keys, Sources
from markets.signer.server import SignerServer
from markets.signer.service import READS_PER_MINUTE, RELOAD_SECONDS
from tests.markets.signer.helpers import (
    DOMAIN,
    ORDERS,
    Clock,
    kalshi_order,
    point_at,
    polymarket_order,
    serving,
    signer,
    sources,
)

WS = "/trade-api/ws/v2"


@pytest.fixture(scope="module")
def where(tmp_path_factory) -> Sources:
    return sources(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def address(where) -> str:
    return Keys(where).address


@pytest.fixture
def served(where, tmp_path, settings, monkeypatch):
    with serving(signer(where, tmp_path), settings.ARBSITE.core.data_dir) as path:
        point_at(path, settings, monkeypatch)
        yield path


def ask(one, **request) -> dict:
    return one.answer(json.dumps(request).encode() + b"\n")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", WS, None), ("POST", ORDERS, kalshi_order()), ("POST", ORDERS, json.dumps(kalshi_order())),
     ("DELETE", f"{ORDERS}/abc", None)],
)  # fmt: skip
def test_kalshi_headers_verify(served, where, method, path, body):
    headers = signer_client.kalshi_headers(method, path, body)
    public = signing.load_private_key(Path(where.kalshi_file).read_bytes()).public_key()
    stamp = headers["KALSHI-ACCESS-TIMESTAMP"]
    assert headers["KALSHI-ACCESS-KEY"] == where.kalshi_key_id
    assert signing.verify(public, headers["KALSHI-ACCESS-SIGNATURE"], stamp, method, path)
    assert abs(int(stamp) - time.time() * 1_000) < 60_000


def test_a_polymarket_order_comes_back_with_its_id_and_a_signature_of_the_wallet(served, address):
    told = polymarket_order(address)
    answer = signer_client.polymarket_order(told, DOMAIN)
    signed = SignedOrder(
        1, address, address, "123", 5_000_000, 10_000_000, "BUY", 0, 1790000000123, told["metadata"], told["builder"],
        answer["signature"],
    )  # fmt: skip
    assert order_signer(signed, DOMAIN["version"], DOMAIN["contract"]) == address.lower()
    assert answer["order_id"] == orders.order_id(orders.order_from(told), "2", orders.EXCHANGE)
    assert answer["signer"] == address
    assert signer_client.polymarket_order(told, DOMAIN) == answer  # the same order again is the same order


@pytest.mark.parametrize(
    "changes", [{"makerAmount": "6000000000", "takerAmount": "9000000000"}, {"salt": "x"}]
)
def test_what_it_does_not_sign_has_a_code(served, address, changes):
    with pytest.raises(signer_client.SignerRefused) as error:
        signer_client.polymarket_order(polymarket_order(address, **changes), DOMAIN)
    assert error.value.code in ("signer_max_notional", "bad_request")
    assert "refuses" in str(error.value)


def test_it_signs_so_many_orders_a_minute_and_no_more(where, tmp_path, address):
    clock = Clock()
    one = signer(where, tmp_path, per_minute=3, clock=clock)
    order = {"op": "polymarket_order", "order": polymarket_order(address), "domain": DOMAIN}
    batch = {
        "op": "kalshi_headers",
        "method": "POST",
        "path": f"{ORDERS}/batched",
        "body": {"orders": [kalshi_order()] * 2},
    }
    assert "signature" in ask(one, **order)
    assert "headers" in ask(one, **batch)
    assert ask(one, **order)["code"] == "too_many"
    # Neither reading nor cancels count against orders
    assert "headers" in ask(one, op="kalshi_headers", method="DELETE", path=ORDERS)
    assert "headers" in ask(one, op="kalshi_headers", method="GET", path=WS)
    clock.at += 61
    assert "signature" in ask(one, **order)


def test_reading_does_not_keep_orders_from_being_cancelled(where, tmp_path):
    one = signer(where, tmp_path)
    one._windows["read"]._seen.extend([1_000.0] * READS_PER_MINUTE)
    assert ask(one, op="kalshi_headers", method="GET", path=WS)["code"] == "too_many"
    assert "headers" in ask(one, op="kalshi_headers", method="DELETE", path=ORDERS)


def test_halted_it_cancels_and_reads_but_signs_no_order_even_as_another_process(where, tmp_path, address):
    one = signer(where, tmp_path)
    order = {"op": "polymarket_order", "order": polymarket_order(address), "domain": DOMAIN}
    assert ask(one, op="halt", why="rates jumped")["halted"] == "rates jumped"
    for again in (one, signer(where, tmp_path)):
        answer = ask(again, **order)
        assert answer["code"] == "halted" and "rates jumped" in answer["error"]
        assert (
            ask(again, op="kalshi_headers", method="POST", path=ORDERS, body=kalshi_order())["code"]
            == "halted"
        )
        assert "headers" in ask(again, op="kalshi_headers", method="DELETE", path=ORDERS)
        assert "headers" in ask(again, op="kalshi_headers", method="GET", path=WS)
        assert "headers" in ask(again, op="polymarket_login", nonce=0)
    assert ask(one, op="release")["halted"] == ""
    assert "signature" in ask(one, **order)


@pytest.mark.parametrize("content", [b"", b"touched", b"\xff\xfe", b"[]"])
def test_whatever_lies_in_the_halt_file_halts(where, tmp_path, address, content):
    (tmp_path / "s.halt").write_bytes(content)
    answer = ask(
        signer(where, tmp_path), op="polymarket_order", order=polymarket_order(address), domain=DOMAIN
    )
    assert answer["code"] == "halted"


def test_a_new_key_is_read_without_a_restart_and_a_bad_one_changes_nothing(tmp_path):
    clock, folder = Clock(), tmp_path / "keys"
    folder.mkdir()
    where = sources(folder)
    one = signer(where, tmp_path, clock=clock)
    before = ask(one, op="status")["polymarket"]
    file, new = Path(where.polymarket_file), make_keys()
    file.chmod(0o600)
    file.write_text("no key at all")
    clock.at += RELOAD_SECONDS
    assert ask(one, op="reload")["code"] == "bad_key"
    assert ask(one, op="status")["polymarket"] == before
    file.write_text(new.polymarket_private_key)
    assert ask(one, op="reload") == {**ask(one, op="status"), "reloaded": False}  # asked just now
    clock.at += RELOAD_SECONDS
    answer = ask(one, op="reload")
    assert answer["reloaded"] and answer["polymarket"] == new.polymarket_address != before


def test_keys_come_from_a_command_by_name(tmp_path, where):
    command = tmp_path / "vault"
    command.write_text(
        f'#!/bin/sh\ncase "$2" in kalshi) cat {where.kalshi_file};; polymarket) cat {where.polymarket_file};; esac\n'
    )
    command.chmod(0o700)
    held = Keys(Sources(kalshi_key_id="k", command=f"{command} get {{name}}"))
    assert held.status() == {"kalshi": "k", "polymarket": Keys(where).address}


@pytest.mark.parametrize("script", ["echo hunter2; echo hunter2 >&2; exit 3", "echo hunter2", "sleep 60"])
def test_a_command_that_fails_is_not_quoted(tmp_path, script, monkeypatch):
    monkeypatch.setattr("markets.signer.keys.COMMAND_SECONDS", 1)
    command = tmp_path / "vault"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o700)
    with pytest.raises(Refusal, match="SIGNER_SECRET_COMMAND") as error:
        Keys(Sources(command=f"{command} {{name}}"))
    assert "hunter2" not in str(error.value)
    assert error.value.__cause__ is None


def test_a_command_may_have_only_one_of_the_keys(tmp_path):
    command = tmp_path / "vault"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o700)
    assert Keys(Sources(command=f"{command} {{name}}")).status() == {"kalshi": "", "polymarket": ""}


def test_a_key_file_that_is_none_is_named_without_its_content(tmp_path):
    wrong = tmp_path / "key"
    wrong.write_text("hunter2")
    with pytest.raises(Refusal, match="POLYMARKET_PRIVATE_KEY_FILE") as error:
        Keys(Sources(polymarket_file=str(wrong)))
    assert "hunter2" not in str(error.value) and error.value.__cause__ is None
    with pytest.raises(Refusal, match="KALSHI_PRIVATE_KEY_FILE"):
        Keys(Sources(kalshi_file=str(tmp_path / "nothing")))


def test_without_a_key_it_says_which_setting_is_missing(tmp_path, address):
    one = signer(Sources(), tmp_path)
    for request in (
        {"op": "kalshi_headers", "method": "GET", "path": WS},
        {"op": "polymarket_login"},
        {"op": "polymarket_order", "order": polymarket_order(address), "domain": DOMAIN},
    ):
        answer = ask(one, **request)
        assert answer["code"] == "no_key" and "PRIVATE_KEY_FILE" in answer["error"]


@pytest.mark.parametrize(
    "line",
    [b"[]\n", b"\xff\n", b"{}\n", b'"x"\n', b"\n", b'{"op":"status"}', b'{"op":"kalshi_headers"}\n',
     b'{"op":"polymarket_login","nonce":"1"}\n', b'{"op":"polymarket_order","order":[],"domain":{}}\n',
     b'{"op":"status","op":"status"}\n', b'{"op":"kalshi_headers","method":"POST","path":"x","body":"{"}\n',
     b"[" * 20_000 + b"\n"],
)  # fmt: skip
def test_nonsense_gets_an_answer(where, tmp_path, line):
    assert signer(where, tmp_path).answer(line)["code"] in ("bad_request", "not_permitted")


def test_two_prices_under_one_name_are_no_body(where, tmp_path):
    body = json.dumps(kalshi_order())[:-1] + ', "count": "9999.00"}'
    answer = ask(signer(where, tmp_path), op="kalshi_headers", method="POST", path=ORDERS, body=body)
    assert answer["code"] == "bad_request"


def test_garbage_does_not_stop_it(served):
    for garbage in (b"\x00\xff\n", b"{}\n", b'"x"\n', b""):
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(served)
            link.sendall(garbage)
    assert signer_client.status()["kalshi"]


# --- the socket


def test_only_this_user_may_open_the_socket(served):
    assert Path(served).stat().st_mode & 0o077 == 0


def test_another_users_process_gets_no_answer(served, settings, monkeypatch):
    # As the asker looks to a signer of another user
    monkeypatch.setattr(sockets.os, "getuid", lambda: os.geteuid() + 1)
    with pytest.raises(signer_client.SignerError):
        signer_client.status()


def test_one_connection_serves_many_requests_and_is_made_again_after_a_restart(
    where, tmp_path, settings, monkeypatch
):
    data = settings.ARBSITE.core.data_dir
    with serving(signer(where, tmp_path), data) as path:
        point_at(path, settings, monkeypatch)
        signer_client.status()
        link = signer_client._local.link
        signer_client.status()
        assert signer_client._local.link is link
    link._socket.shutdown(socket.SHUT_RDWR)  # as a signer's end takes its connections with it
    server = SignerServer(path, signer(where, tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        assert signer_client.status()["kalshi"] == where.kalshi_key_id
        assert signer_client._local.link is not link
    finally:
        server.shutdown()
        server.server_close()


def test_a_second_signer_does_not_take_the_socket_of_the_first(served, where, tmp_path):
    with pytest.raises(OSError, match="another signer"):
        SignerServer(served, signer(where, tmp_path))
    assert signer_client.status()["kalshi"]


def test_a_forked_process_does_not_speak_on_its_parents_connection(served):
    signer_client.status()
    link = signer_client._local.link
    link.process += 1  # as a child sees it
    signer_client.status()
    assert signer_client._local.link is not link


def test_a_signer_that_is_not_there_is_said_so(settings, tmp_path, monkeypatch):
    point_at(str(tmp_path / "no"), settings, monkeypatch)
    with pytest.raises(signer_client.SignerError, match=r"manage\.py signer") as error:
        signer_client.status()
    assert error.value.code == "no_signer"
