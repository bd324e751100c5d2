"""The exchange's state file: whole after a kill, refused with a sentence where it is not."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from markets.sandbox.market import Kept, WorldSpec
from markets.sandbox.memory import recalled_world
from markets.sandbox.server import build
from markets.sandbox.state import StateError, StateFile

KILLED = """
import os, signal, sys
from pathlib import Path
from markets.sandbox.state import StateFile
file = StateFile(Path(sys.argv[1]), seed=1)
for number in range(50):
    file.write([("thing", str(number), number), ("thing", "last", number)])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "state.sqlite3"


def filled(path: Path) -> bytes:
    """A file with rows on many pages, closed; returns what is in it."""
    file = StateFile(path, seed=1)
    file.write([("thing", str(number), "x" * 900) for number in range(100)])
    file.close()
    return path.read_bytes()


def refusal(path: Path, seed: int = 1) -> str:
    with pytest.raises(StateError) as caught:
        file = StateFile(path, seed=seed)
        file.read("thing", str)
    return str(caught.value)


def test_rows_come_back_in_the_order_in_which_they_were_first_written(path: Path) -> None:
    file = StateFile(path, seed=1)
    assert file.write([("a", "2", [2]), ("a", "1", [1]), ("b", "1", "other")]) == 3
    assert file.write([("a", "2", [22]), ("a", "1", [1])]) == 1  # what did not change is not written again
    file.close()
    assert StateFile(path, seed=1).read("a", list[int]) == [[22], [1]]


def test_it_counts_its_starts_and_keeps_its_name(path: Path) -> None:
    first = StateFile(path, seed=1)
    first.close()
    again = StateFile(path, seed=1)
    assert (first.about.run, again.about.run, again.about.exchange) == (0, 1, first.about.exchange)


def test_all_that_was_written_survives_a_kill(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert done.returncode == -9
    assert StateFile(path, seed=1).read("thing", int) == [
        0,
        49,
        *range(1, 50),
    ]  # the second is what came last


def test_a_transaction_is_written_whole_or_not_at_all(path: Path) -> None:
    file = StateFile(path, seed=1)
    file._file.execute("PRAGMA max_page_count = 4")
    with pytest.raises(StateError, match="cannot write to"):
        file.write([("small", "1", 1), ("large", "1", "x" * 100_000)])
    file.close()
    assert StateFile(path, seed=1).read("small", int) == []


@pytest.mark.parametrize("left", [0, 10, 4_096, 0.5, -1])
def test_a_file_that_was_cut_off_is_refused(path: Path, left: float) -> None:
    whole = filled(path)
    size = int(len(whole) * left) if left == 0.5 else int(left)
    path.write_bytes(whole[:size])
    said = refusal(path)
    assert str(path) in said and "does not know what it owes to whom" in said
    assert path.read_bytes() == whole[:size]  # it is left as it was found


def test_a_damaged_page_is_refused(path: Path) -> None:
    whole = filled(path)
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + os.urandom(5_000) + whole[middle + 5_000 :])
    assert "cannot be read" in refusal(path)


def test_a_row_that_cannot_be_understood_is_refused_by_its_name(path: Path) -> None:
    build(WorldSpec(pairs=1, short_lived=0), state=path).memory.close()
    file = sqlite3.connect(path)
    key = file.execute("SELECT key FROM kept WHERE kind = 'market'").fetchone()[0]
    file.execute("UPDATE kept SET body = replace(body, '\"close_ms\":', '\"close\":') WHERE key = ?", [key])
    file.commit()
    file.close()
    with pytest.raises(StateError, match=f"market {key}.*close_ms"):
        build(WorldSpec(pairs=1, short_lived=0), state=path)
    file = sqlite3.connect(path)  # and nobody holds it any more
    file.execute("DELETE FROM kept WHERE kind = 'about'")
    file.commit()
    file.close()
    assert "it has no beginning" in refusal(path)


def test_it_is_for_one_exchange_of_one_seed(path: Path) -> None:
    file = StateFile(path, seed=1)
    assert f"Another exchange works with {path}" in refusal(path)
    file.close()
    assert "start it with --seed 1" in refusal(path, seed=2)
    assert StateFile(path, seed=1).about.run == 1


def test_the_log_of_a_file_that_was_moved_away_does_not_get_into_the_new_one(path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert path.with_name(f"{path.name}-wal").stat().st_size
    path.unlink()
    file = StateFile(path, seed=1)
    assert file.about.run == 0
    assert file.read("thing", int) == []


def test_the_command_says_what_is_wrong_with_its_file(path: Path, tmp_path: Path) -> None:
    filled(path)
    path.write_bytes(path.read_bytes()[:5_000])
    with pytest.raises(CommandError, match=f"{path} cannot be read"):
        call_command(
            "sandbox", "--state-file", str(path), "--keys-dir", str(tmp_path / "keys"), "--pairs", "1"
        )


def test_only_its_owner_may_read_it(path: Path) -> None:
    filled(path)
    assert path.stat().st_mode & 0o077 == 0


def test_a_new_file_knows_no_markets(path: Path) -> None:
    assert recalled_world(StateFile(path, seed=1)) == Kept([], [], [], [])
