"""The signer: a socket for this user alone, reading only, and no key in any answer."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from markets import signer_client
from markets.platforms.kalshi import signing
from markets.sandbox.keys import Keys as ThrowAway
from markets.sandbox.keys import keys_in
from markets.signer import SIGNATURES_PER_MINUTE, Keys, Refusal, Signer, SignerServer

PATH = "/trade-api/ws/v2"


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, ThrowAway]:
    folder = tmp_path_factory.mktemp("keys")
    return folder, keys_in(folder)


@pytest.fixture
def keys(files) -> Keys:
    folder, made = files
    return Keys(
        kalshi_key_id=made.kalshi_key_id,
        kalshi_file=str(folder / "kalshi_private.pem"),
        polymarket_file=str(folder / "polymarket_private_key"),
    )


@pytest.fixture
def served(keys, settings, monkeypatch) -> Iterator[str]:
    # The path of a local socket is short, pytest's folders are not
    path = f"{settings.ARBSITE.core.data_dir}/t{os.getpid()}.sock"
    server = SignerServer(path, Signer(keys))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _point_at(path, settings, monkeypatch)
    yield path
    server.shutdown()
    server.server_close()


def _point_at(path: str, settings, monkeypatch) -> None:
    connector = settings.ARBSITE.connector.model_copy(update={"signer_socket": path})
    monkeypatch.setattr(settings.ARBSITE, "connector", connector)


def test_it_signs_a_handshake_that_verifies(served, files):
    headers = signer_client.kalshi_headers("GET", PATH)
    private = signing.load_private_key(files[1].kalshi_private_pem.encode())
    stamp = headers["KALSHI-ACCESS-TIMESTAMP"]
    assert headers["KALSHI-ACCESS-KEY"] == files[1].kalshi_key_id
    assert signing.verify(private.public_key(), headers["KALSHI-ACCESS-SIGNATURE"], stamp, "GET", PATH)
    assert abs(int(stamp) - time.time() * 1_000) < 5_000


def test_it_signs_no_order(served):
    with pytest.raises(signer_client.SignerError, match="only GET"):
        signer_client.kalshi_headers("POST", "/trade-api/v2/portfolio/orders")
    with pytest.raises(signer_client.SignerError, match="only GET"):
        signer_client.kalshi_headers("GET", "/somewhere/else")


def test_only_this_user_may_open_the_socket(served):
    assert Path(served).stat().st_mode & 0o077 == 0


def test_no_answer_holds_a_key(keys, files):
    answers = [
        Signer(keys).answer(line) for line in (b'{"op":"status"}', b'{"op":"kalshi_headers"}', b"[]", b"\xff")
    ]
    assert files[1].polymarket_private_key.removeprefix("0x") not in str(answers)
    assert "PRIVATE" not in str(answers)
    assert all("error" in answer for answer in answers[1:])


def test_garbage_does_not_stop_it(served):
    for garbage in (b"\x00\xff\n", b"{}\n", b'"x"\n', b""):
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(served)
            link.sendall(garbage)
    assert signer_client.status()["kalshi"]


def test_it_has_a_limit_of_its_own(keys):
    one = Signer(keys)
    line = b'{"op":"polymarket_login"}'
    answers = [one.answer(line) for _ in range(3)]
    assert all("headers" in answer for answer in answers)
    one._signed.extend([time.monotonic()] * SIGNATURES_PER_MINUTE)
    assert "signatures a minute" in one.answer(line)["error"]


def test_a_key_file_that_is_none_is_named_without_its_content(tmp_path):
    wrong = tmp_path / "key"
    wrong.write_text("hunter2")
    with pytest.raises(Refusal, match="POLYMARKET_PRIVATE_KEY_FILE") as error:
        Keys(kalshi_key_id="", kalshi_file="", polymarket_file=str(wrong))
    assert "hunter2" not in str(error.value)
    with pytest.raises(Refusal, match="KALSHI_PRIVATE_KEY_FILE"):
        Keys(kalshi_key_id="", kalshi_file=str(tmp_path / "nothing"), polymarket_file="")


def test_a_signer_that_is_not_there_is_said_so(settings, tmp_path, monkeypatch):
    _point_at(str(tmp_path / "no"), settings, monkeypatch)
    with pytest.raises(signer_client.SignerError, match=r"manage\.py signer"):
        signer_client.status()
