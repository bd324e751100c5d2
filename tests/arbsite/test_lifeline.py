"""A command under a lifeline ends with its parent, and is otherwise just the command."""

import os
import signal
import subprocess
import sys

from arbsite import lifeline
from arbsite.stack.processes import is_alive
from tests.arbsite.processes_at_work import kill, python, until

PARENT = """
import subprocess, sys
from arbsite import lifeline
child = subprocess.Popen(lifeline.command(["sleep", "600"], delay=float(sys.argv[1])), start_new_session=True)
print(child.pid, flush=True)
sys.stdin.read()
"""


def run(args, **options):
    return subprocess.run(
        lifeline.command(args, **options), capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_runs_with_its_arguments_and_its_status():
    done = run([sys.executable, "-c", "import sys; print(sys.argv[1:]); sys.exit(7)", "a b", "--uid", "--"])
    assert done.stdout.strip() == "['a b', '--uid', '--']"
    assert done.returncode == 7


def test_the_command_ends_when_its_parent_is_killed():
    parent = python(PARENT, 0)
    child = int(parent.stdout.readline())
    assert is_alive(child)
    kill(parent)
    until(lambda: not is_alive(child))


def test_the_command_ends_when_its_parent_is_killed_before_it_began():
    parent = python(PARENT, 600)
    child = int(parent.stdout.readline())
    kill(parent)
    until(lambda: not is_alive(child))


def test_a_command_whose_parent_is_gone_already_does_not_start(tmp_path):
    stranger = python("pass")
    stranger.wait(timeout=60)
    proof = tmp_path / "started"
    done = run(["touch", str(proof)], parent=stranger.pid)
    stranger.communicate()
    assert done.returncode != 0
    assert "is gone" in done.stderr
    assert not proof.exists()


def test_a_missing_command_is_named():
    done = run(["no-such-command"])
    assert done.returncode == 1
    assert done.stderr == "lifeline: cannot run no-such-command: No such file or directory\n"


def test_both_outputs_are_appended_to_a_private_log(tmp_path):
    log = tmp_path / "a log.txt"
    for word in ("one", "two"):
        run(["sh", "-c", f"echo {word}; echo {word}-error >&2"], log=log)
    assert log.read_text().split() == ["one", "one-error", "two", "two-error"]
    assert log.stat().st_mode & 0o777 == 0o600


def test_the_niceness_is_raised():
    assert run(["nice"], nice=3).stdout.strip() == str(os.nice(0) + 3)


def test_signals_python_ignores_reach_the_command():
    done = run(["sh", "-c", "kill -PIPE $$; echo survived"])
    assert done.returncode == -signal.SIGPIPE
    assert "survived" not in done.stdout
