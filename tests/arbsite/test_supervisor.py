"""The supervisor on real processes: it brings back what dies, and leaves nothing behind, whoever is killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from arbsite.arbiter import FIRST_PAUSE, LONGEST_PAUSE, pause, rotate
from arbsite.stack import processes
from arbsite.stack.state import folder_tag
from arbsite.supervisor import MARK, Program, Supervisor, SupervisorError
from tests.arbsite.processes_at_work import ROOT, kill, python, until

SLEEPER = ["sleep", "600"]
PATIENT = 60.0  # what a program is given that ends at once; whoever waited for that long did not notice it
# Ignores SIGTERM, and has a child that would outlive it.
STUBBORN = ["sh", "-c", "trap '' TERM; sleep 600 & echo child $!; while :; do sleep 0.2; done"]
OWNER = """
import json, sys
from pathlib import Path
from arbsite.supervisor import Program, Supervisor
supervisor = Supervisor(Path(sys.argv[1]), [
    Program("sleeper", ["sleep", "600"], stop_seconds=1), Program("stubborn", json.loads(sys.argv[2]), stop_seconds=1),
])
supervisor.start()
print("ready", flush=True)
sys.stdin.read()
"""


def left(folder: Path) -> list[int]:
    return processes.marked(MARK, folder_tag(folder))


def lines(folder: Path, name: str) -> list[str]:
    log = folder / "logs" / f"{name}.log"
    return log.read_text().splitlines() if log.exists() else []


def parent_of(folder: Path, supervisor: Supervisor) -> int:
    """The process of circus itself."""
    found = processes.parent(supervisor.status()["sleeper"]["pid"])
    assert found in left(folder)
    return found


@pytest.fixture
def folder(tmp_path):
    """A data folder with a blank, a sign and an umlaut in its path; nothing may be left of it at the end."""
    folder = tmp_path / "data of Müller & Co"
    folder.mkdir()
    yield folder
    assert left(folder) == []


def test_a_killed_program_is_back_and_counted(folder):
    with Supervisor(folder, [Program("sleeper", SLEEPER, processes=2)]) as supervisor:
        first = supervisor.status()["sleeper"]
        assert first["state"] == "running"
        assert (len(first["pids"]), first["pid"], first["restarts"]) == (2, first["pids"][0], 0)
        os.kill(first["pid"], signal.SIGKILL)
        until(lambda: supervisor.status()["sleeper"]["restarts"] == 1)
        now = supervisor.status()["sleeper"]
        assert len(now["pids"]) == 2
        assert first["pid"] not in now["pids"]
        assert first["pids"][1] in now["pids"]
        assert "ended with status -9" in lines(folder, "supervisor")[-1]
    assert supervisor.status()["sleeper"] == {"pid": None, "pids": [], "state": "stopped", "restarts": 0}
    assert not any(processes.is_alive(pid) for pid in now["pids"])


def test_a_program_has_its_own_session_environment_log_and_niceness(folder):
    code = """
import json, os, sys, time
print(json.dumps([os.getsid(0) == os.getpid(), os.nice(0), sys.stdin.read(), sorted(os.environ)]), flush=True)
time.sleep(600)
"""
    program = Program("teller", [sys.executable, "-c", code], env={"COLOUR": "crimson"}, nice=4)
    with Supervisor(folder, [program]) as supervisor:
        leads, niceness, read, variables = json.loads(until(lambda: lines(folder, "teller"))[0])
        commands = [" ".join(processes.arguments(pid)) for pid in left(folder)]
        assert supervisor.status()["teller"]["restarts"] == 0
    assert (leads, niceness, read) == (True, os.nice(0) + 4, "")
    assert {"COLOUR"} == set(variables) - {MARK, "LC_CTYPE"}
    # What an environment holds may be secret.
    assert not [text for text in commands if "crimson" in text]
    assert not [path for path in folder.rglob("*") if path.is_file() and "crimson" in path.read_text()]


def test_what_a_dead_program_left_is_killed_before_it_starts_again(folder):
    command = ["sh", "-c", "sleep 600 & echo $! $$; wait"]
    with Supervisor(folder, [Program("parent", command)]) as supervisor:
        child, leader = map(int, until(lambda: lines(folder, "parent"))[0].split())
        assert supervisor.status()["parent"]["pid"] == leader
        os.kill(leader, signal.SIGKILL)
        until(lambda: len(lines(folder, "parent")) == 2)
        assert not processes.is_alive(child)


def test_stop_kills_the_stubborn_with_its_children(folder):
    supervisor = Supervisor(
        folder,
        [Program("stubborn", STUBBORN, stop_seconds=0.5), Program("sleeper", SLEEPER, stop_seconds=PATIENT)],
    )
    supervisor.start()
    child = int(until(lambda: lines(folder, "stubborn"))[0].split()[1])
    began = time.monotonic()
    supervisor.stop()
    assert 0.4 < time.monotonic() - began < PATIENT
    assert not processes.is_alive(child)
    assert left(folder) == []
    assert not list(folder.glob("*.sock"))
    assert not any("Traceback" in line or "ConflictError" in line for line in lines(folder, "supervisor"))
    supervisor.stop()  # once more does nothing


def test_a_stop_while_it_is_starting_is_not_lost(folder):
    programs = [Program(f"sleeper-{number}", SLEEPER, stop_seconds=PATIENT) for number in range(30)]
    supervisor = Supervisor(folder, programs)
    refused: list[bool] = []

    def start():
        try:
            supervisor.start()
        except SupervisorError:
            refused.append(True)

    starter = threading.Thread(target=start)
    starter.start()
    until(lambda: len(left(folder)) >= 3)  # circus and the first programs
    began = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - began < PATIENT  # else the signal was lost and circus had to be killed
    starter.join()
    assert left(folder) == []


def test_a_killed_circus_is_back_and_nothing_runs_twice(folder):
    with Supervisor(folder, [Program("sleeper", SLEEPER)]) as supervisor:
        old, circus = supervisor.status()["sleeper"]["pid"], parent_of(folder, supervisor)
        os.kill(circus, signal.SIGKILL)
        until(lambda: supervisor.status()["sleeper"]["pid"] not in (None, old))
        assert not processes.is_alive(old)
        assert len(left(folder)) == 2


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGHUP], ids=["kill -9", "closed terminal"])
def test_nothing_outlives_the_process_that_started_it(folder, signum):
    owner = python(OWNER, folder, json.dumps(STUBBORN))
    assert owner.stdout.readline() == "ready\n"
    child = int(until(lambda: lines(folder, "stubborn"))[0].split()[1])
    assert len(left(folder)) >= 4
    if signum == signal.SIGKILL:
        kill(owner)
    else:
        os.killpg(owner.pid, signum)
        owner.communicate(timeout=60)
    until(lambda: not left(folder))
    assert not processes.is_alive(child)
    with Supervisor(folder, [Program("sleeper", SLEEPER)]) as supervisor:  # its lock went with it
        assert supervisor.status()["sleeper"]["state"] == "running"


def test_ctrl_c_in_the_terminal_reaches_the_parent_alone(folder):
    owner = python(OWNER, folder, json.dumps(SLEEPER))
    assert owner.stdout.readline() == "ready\n"
    group = os.getpgid(owner.pid)
    assert not [pid for pid in left(folder) if os.getpgid(pid) == group or os.getsid(pid) == group]
    kill(owner)
    until(lambda: not left(folder))


def test_sighup_to_circus_stops_in_order(folder):
    supervisor = Supervisor(folder, [Program("sleeper", SLEEPER)])
    supervisor.start()
    sleeper, circus = supervisor.status()["sleeper"]["pid"], parent_of(folder, supervisor)
    os.kill(circus, signal.SIGHUP)
    until(lambda: not processes.is_alive(sleeper) and not processes.is_alive(circus))
    supervisor.stop()


def test_a_program_that_dies_at_once_does_not_spin(folder):
    programs = [Program("crash", ["sh", "-c", "echo boom; exit 3"]), Program("missing", ["no-such-program"])]
    with Supervisor(folder, programs) as supervisor:
        until(lambda: supervisor.status()["crash"]["restarts"] == 3)
        until(lambda: supervisor.status()["crash"]["state"] == "waiting")
        assert len(lines(folder, "crash")) <= 4
        assert "lifeline: cannot run no-such-program: No such file or directory" in lines(folder, "missing")
        told = [line for line in lines(folder, "supervisor") if "crash" in line]
        assert "ended with status 3" in told[0]
        assert [line.rsplit(" in ")[1] for line in told[:3]] == ["0.0 s", "0.5 s", "1.0 s"]


def test_pauses_grow_to_a_limit_and_never_end():
    pauses = [pause(failures) for failures in range(40)]
    assert pauses[:4] == [0, 0, FIRST_PAUSE, 2 * FIRST_PAUSE]
    assert pauses == sorted(pauses)
    assert pauses[-1] == pause(10_000) == LONGEST_PAUSE


def test_a_second_supervisor_of_the_same_folder_is_refused(folder):
    with Supervisor(folder, [Program("sleeper", SLEEPER)]) as first:
        with pytest.raises(SupervisorError, match="already: stop it, or"):
            Supervisor(folder, [Program("sleeper", SLEEPER)]).start()
        assert first.status()["sleeper"]["restarts"] == 0


def test_a_path_too_long_for_a_socket(tmp_path):
    folder = tmp_path / ("long " * 25) / ("longer " * 25)
    with Supervisor(folder, [Program("sleeper", SLEEPER)]) as supervisor:
        assert supervisor.status()["sleeper"]["state"] == "running"
        sockets = supervisor._sockets
        assert sockets.stat().st_mode & 0o077 == 0
    assert not sockets.exists()
    owner = python(
        OWNER,
        folder,
        json.dumps(SLEEPER),
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
    )
    assert owner.stdout.readline() == "ready\n"
    assert list(tmp_path.glob("arbsite-*"))
    kill(owner)
    until(lambda: not left(folder))
    assert not list(tmp_path.glob("arbsite-*"))


@pytest.mark.parametrize("names", [["twin", "Twin"], ["../up"], [""], ["a b"]])
def test_names_are_checked(tmp_path, names):
    with pytest.raises(ValueError, match="different names"):
        Supervisor(tmp_path, [Program(name, SLEEPER) for name in names])


def test_a_log_is_rotated_under_its_writer(tmp_path):
    log = tmp_path / "program.log"
    with log.open("ab") as out:
        writer = subprocess.Popen(
            ["sh", "-c", "while read line; do echo $line; done"], stdin=subprocess.PIPE, stdout=out
        )
    for number in range(5):
        writer.stdin.write(f"line-{number}\n".encode())
        writer.stdin.flush()
        until(lambda number=number: f"line-{number}" in log.read_text())
        assert rotate(log, limit=3, files=3)
        assert log.stat().st_size == 0
    writer.communicate()
    assert not rotate(log, limit=3)
    kept = [tmp_path / f"program.log.{number}" for number in (1, 2, 3)]
    assert [path.read_text() for path in kept] == ["line-4\n", "line-3\n", "line-2\n"]
    assert sorted(tmp_path.iterdir()) == [log, *kept]
