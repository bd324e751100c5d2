"""`manage.py match` on files: every shape in which markets arrive, bad rows, and files that are none."""

import gzip
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

GAMMA = {"id": "17", "conditionId": "0xabc", "question": "Will Mira Holt win the 2027 Velm Open?",
         "outcomes": '["Yes", "No"]',
         "description": "Resolves by the tour.", "endDate": "2027-06-30T00:00:00Z"}  # fmt: skip
KALSHI = {"ticker": "KXVELM-27-MHOL", "event_ticker": "KXVELM-27", "title": "Will Mira Holt win the Velm Open?",
          "yes_sub_title": "Mira Holt", "rules_primary": "If Mira Holt wins …",
          "close_time": "2028-06-30T00:00:00Z"}  # fmt: skip
LINES = [{"id": "a", "title": GAMMA["question"], "rules": "", "close_time": ""},
         {"id": "b", "title": "Will Ines Pelstor win the 2027 Velm Open?"}]  # fmt: skip


def run(tmp_path, polymarket, kalshi, *flags, names=("p.json", "k.json")):
    paths = []
    for name, content in zip(names, (polymarket, kalshi), strict=True):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        paths.append(str(path))
    out, err = StringIO(), StringIO()
    call_command("match", "--polymarket", paths[0], "--kalshi", paths[1], *flags, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def lines(*rows):
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()


@pytest.mark.parametrize("polymarket", [
    GAMMA, [GAMMA], {"markets": [GAMMA]}, {"events": [{"id": "1", "title": "Velm Open", "markets": [GAMMA]}]},
    [{"id": "1", "title": "Velm Open", "markets": [GAMMA]}], lines(GAMMA), gzip.compress(lines(GAMMA)),
])  # fmt: skip
@pytest.mark.parametrize("kalshi", [
    KALSHI, [KALSHI], {"markets": [KALSHI], "cursor": ""}, {"market": KALSHI}, gzip.compress(json.dumps([KALSHI]).encode()),
    {"event": {"event_ticker": "KXVELM-27", "title": "Velm Open"}, "markets": [KALSHI]},
    {"event": {"event_ticker": "KXVELM-27", "title": "Velm Open", "markets": [KALSHI]}},
    {"events": [{"event_ticker": "KXVELM-27", "title": "Velm Open", "markets": [KALSHI]}], "cursor": ""},
])  # fmt: skip
def test_every_shape_of_the_platforms(tmp_path, polymarket, kalshi):
    out, err = run(tmp_path, polymarket, kalshi, "--json")
    [row] = json.loads(out)
    assert (row["polymarket_id"], row["kalshi_id"], row["verdict"]) == ("0xabc", "KXVELM-27-MHOL", "same")
    assert err == ""


def test_lines_of_title_and_rules(tmp_path):
    out, _ = run(tmp_path, lines(*LINES), lines({"id": "k", "title": KALSHI["title"]}), "--json")
    verdicts = {row["polymarket_id"]: row["verdict"] for row in json.loads(out)}
    assert verdicts == {"a": "same", "b": "different"}


def test_a_bad_row_costs_only_itself(tmp_path):
    rows = [
        LINES[0],
        "{broken",
        7,
        {"title": "no id"},
        {"id": "x"},
        {"id": None, "title": 5},
        [],
        {"question": "no id"},
    ]
    out, err = run(tmp_path, lines(*rows), [KALSHI, {"ticker": "K"}, "text", None], "--json")
    assert [row["verdict"] for row in json.loads(out)] == ["same"]
    assert "6 rows left out, 1 read" in err
    assert "3 rows left out, 1 read" in err


def test_a_table_for_people(tmp_path):
    out, _ = run(tmp_path, lines(*LINES), [KALSHI])
    assert "same" in out
    assert "2 × 1 markets, 2 candidates: 1 same, 1 different" in out


def test_nothing_in_nothing_out(tmp_path):
    assert json.loads(run(tmp_path, [], [], "--json")[0]) == []


@pytest.mark.parametrize("content", [b"", b"no json at all", b"\xff\xfe\x00", b"\x1f\x8bbroken"])
def test_an_unreadable_file_is_named(tmp_path, content):
    with pytest.raises(CommandError, match=r"p\.json"):
        run(tmp_path, content, [KALSHI])


def test_a_missing_file_and_a_single_side(tmp_path):
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("match", "--polymarket", str(tmp_path / "none"), "--kalshi", str(tmp_path / "none"))
    with pytest.raises(CommandError, match="both"):
        call_command("match", "--kalshi", str(tmp_path / "none"))


@pytest.mark.parametrize("limit", ["0", "-1"])
def test_a_review_of_no_pairs_is_refused(limit):
    with pytest.raises(CommandError, match="--limit must be at least 1"):
        call_command("match", "--review", "--user", "paula", "--limit", limit)
