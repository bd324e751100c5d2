"""A key that a source's answer repeats is not repeated by us: not in a row, a notice, a report or a log."""

import pytest
from django.conf import settings
from pydantic import SecretStr

from arbsite.models import Component, Notice
from signals.models import Source
from signals.sources import polling
from signals.sources.base import Malformed
from signals.sources.blotting import blot
from tests.signals.sources.local import NOW, Script, known, limits, spec

KEY = "k3y/of=ours"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    held = settings.ARBSITE.cryptopanic.model_copy(update={"token": SecretStr(KEY)})
    monkeypatch.setattr(settings.ARBSITE, "cryptopanic", held)


@pytest.mark.django_db
@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize(
    "said",
    [f"no such token {KEY}", "GET /posts/?auth_token=k3y%2Fof%3Dours&a=1 blocked", "cut: auth_token=k3y/o"],
)
def test_a_key_in_an_answer_is_in_no_row_notice_report_or_log(monkeypatch, caplog, said):
    limits(monkeypatch, failures_to_open=1)
    script = Script([Malformed(f"made: the answer is no JSON, it says {said!r}")])
    with known(spec(script)):
        polling.poll("made", now=NOW)
    row, report = Source.objects.get(), vars(Component.objects.get(name="source-made"))
    told = f"{row.why} {Notice.objects.get().message} {report} {[vars(line) for line in caplog.records]}"
    assert "k3y" not in told and "it says" in row.why


def test_words_stay_what_they_are():
    assert blot("fred: the answer is not JSON") == "fred: the answer is not JSON"
