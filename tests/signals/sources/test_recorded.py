"""A payload that was recorded is read by a test of its source; a new recording without one is found here."""

from pathlib import Path

HERE = Path(__file__)


def test_every_recorded_payload_is_read_by_a_test(recorded):
    tests = "".join(path.read_text() for path in HERE.parent.rglob("test_*.py") if path != HERE)
    files = [path for path in (recorded / "sources").rglob("*") if path.suffix in (".json", ".xml")]
    assert len(files) >= 25
    assert [path.name for path in files if path.name.split(".")[0] not in tests] == []
