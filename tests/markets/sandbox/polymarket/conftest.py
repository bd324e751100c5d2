"""One standing sandbox for each file, faults cleared around each test."""

from collections.abc import Iterator

import pytest

from markets.sandbox.server import Running
from tests.markets.sandbox.polymarket.helpers import User, standing


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[Running]:
    with standing() as running:
        yield running


@pytest.fixture
def running(shared_sandbox: Running) -> Iterator[Running]:
    yield shared_sandbox
    shared_sandbox.call(shared_sandbox.sandbox.faults.clear)


@pytest.fixture
def user(running: Running) -> Iterator[User]:
    user = User.of(running)
    yield user
    user.send("DELETE", "/cancel-all")
