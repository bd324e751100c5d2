"""What keeps real orders from going out: each problem with its code, none in paper mode."""

from datetime import UTC, datetime

import pytest
import requests

from arbsite import registry
from execution import doors
from execution.halting import live_checks
from execution.models import Halt, RiskLimit
from markets import signer_client
from tests.arbsite.callers import user
from tests.arbsite.test_live_rules import LOCAL, SECRET, configured  # noqa: F401

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
WALLET = "0x" + "ab" * 20
HELD = {"kalshi": "key-1", "polymarket": WALLET, "halted": ""}
REGION = "https://polymarket.com/api/geoblock"


@pytest.fixture
def held(monkeypatch):
    """What the signer says."""
    said = dict(HELD)
    monkeypatch.setattr(signer_client, "status", lambda: said)
    return said


def told(url, text, status):
    """What the platform answers; None: it cannot be reached."""
    assert url == REGION
    if text is None:
        raise requests.ConnectionError
    answer = requests.Response()
    answer.status_code, answer._content = status, text.encode()
    return answer


@pytest.fixture
def live(configured, held, monkeypatch):  # noqa: F811
    """Live mode with everything that the settings need, and the limits set; returns whom to ask for problems."""
    owner = user("paula")
    for name in live_checks.NEEDED:
        RiskLimit.objects.create(name=name, value=1, set_by=owner)

    def codes(region='{"blocked": false, "country": "CH"}', status=200, **sections):
        trading = {"mode": "live", "live_confirmed": True}
        configured("live", **({"trading": trading, "signer": SECRET} | sections))
        monkeypatch.setattr(requests, "get", lambda url, timeout: told(url, region, status))
        return [problem.partition(":")[0] for problem in live_checks.problems(NOW)]

    return codes


def test_paper_needs_nothing_and_asks_nobody(configured):  # noqa: F811
    configured("paper")
    assert live_checks.problems(NOW) == []


def test_live_mode_with_everything_may_start(live):
    assert live() == []


def test_settings_are_told_too(live):
    assert live(trading={"mode": "live", "live_confirmed": False}) == ["settings"]


def test_no_signer(live, monkeypatch):
    def nobody():
        raise signer_client.SignerError("nobody answers")

    monkeypatch.setattr(signer_client, "status", nobody)
    assert live() == ["no_signer"]


@pytest.mark.parametrize(
    ("said", "sections", "code"),
    [
        ({"halted": "a drill"}, {}, "signer_halted"),
        ({"kalshi": ""}, {}, "no_key"),
        ({"polymarket": ""}, {}, "no_key"),
        ({}, {"polymarket": {"funder": "0x" + "cd" * 20}}, "wrong_key"),
        ({}, {"polymarket": {"signature_type": 2}}, "wrong_key"),
    ],
)
def test_a_signer_that_cannot_sign_for_us(live, held, said, sections, code):
    held.update(said)
    assert live(**sections) == [code]


def test_a_platform_that_is_off_needs_no_key(live, held):
    held["polymarket"] = ""
    assert live(polymarket={"enabled": False}) == []


@pytest.mark.parametrize("name", live_checks.NEEDED)
def test_limits_that_nobody_set_or_somebody_lifted(live, name):
    owner = user("peter")
    RiskLimit.objects.create(name=name, value=None, set_by=owner)
    assert live() == ["no_limits"]
    # Of one platform: not everywhere
    RiskLimit.objects.create(name=name, scope="kalshi", value=5, set_by=owner)
    assert live() == ["no_limits"]
    RiskLimit.objects.create(name=name, value=5, set_by=owner)
    assert live() == []


@pytest.mark.parametrize(
    ("region", "status", "code"),
    [
        ('{"blocked": true, "country": "US", "region": "NY"}', 200, "region_blocked"),
        ('{"country": "US"}', 200, "region_unknown"),
        ('{"blocked": "false"}', 200, "region_unknown"),
        ("[]", 200, "region_unknown"),
        ('{"blocked": false}', 503, "region_unknown"),
        ("<html>", 200, "region_unknown"),
        (None, 0, "region_unknown"),
    ],
)
def test_a_region_that_is_blocked_or_not_known(live, region, status, code):
    assert live(region, status) == [code]


def test_sandbox_needs_a_signer_and_addresses_here_but_no_limits(configured, held):  # noqa: F811
    configured("sandbox", **LOCAL)
    assert live_checks.problems(NOW) == []
    configured("sandbox")
    assert {problem.partition(":")[0] for problem in live_checks.problems(NOW)} == {"settings"}


def test_the_doctor_shows_the_same(configured, held):  # noqa: F811
    configured("paper")
    assert doors.trading() == "paper orders may go out" and doors.halted() == "none stands"
    configured("sandbox", **LOCAL)
    held["halted"] = "a drill"
    with pytest.raises(registry.Broken, match="a drill"):
        doors.trading()


@pytest.mark.parametrize(
    ("platform", "words"), [("", "none goes out: everything is halted"), ("kalshi", "not where it is halted")]
)
def test_the_doctor_does_not_say_that_all_is_well_under_a_halt(configured, platform, words):  # noqa: F811
    configured("paper")
    Halt.objects.create(code="manual", platform=platform, why="keys were seen", by="alice", created_at=NOW)
    assert words in doors.trading()
    with pytest.raises(registry.Broken, match="keys were seen") as caught:
        doors.halted()
    assert "manage.py resume" in caught.value.remedy


def test_a_halt_of_the_start_is_the_executors_to_lift(configured):  # noqa: F811
    configured("paper")
    Halt.objects.create(code="starting", platform="kalshi", why="books", by="executor", created_at=NOW)
    with pytest.raises(registry.Broken) as caught:
        doors.halted()
    assert "manage.py resume" not in caught.value.remedy and "executor" in caught.value.remedy
