"""Forks a child for every act, so that a process can really die by SIGKILL without an interpreter's start in each case.

    python -m tests.faults.zygote      one JSON document a line in, one a line out

A line is a list of acts that are carried out at the same time: `{"do": name in acts.py, "with": {...}, "env": {...}}`.
The answer is a list of `{"signal": number or 0, "status": exit status, "said": what it returned, "error": text,
"seconds": by the clock, "cpu": seconds}`.
The zygote itself opens no connection: every child opens its own.
"""

import json
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

PATIENCE_S = 300  # a busy machine is slow, not wrong


def main() -> None:
    """Serve until the input ends."""
    import django

    django.setup()
    from django.db import connections

    from tests.faults import acts

    acts.imported()
    connections.close_all()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever prints goes to the log
    answers.write('"ready"\n')
    for line in sys.stdin:
        answers.write(json.dumps(carry_out(json.loads(line))) + "\n")


def carry_out(wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All these acts at once, each in a child of its own; returns when all have ended."""
    folder = Path(tempfile.mkdtemp(prefix="acts-"))
    children = []
    for number, act in enumerate(wanted):
        path = folder / str(number)
        pid = os.fork()
        if pid == 0:
            _act(act, path)
        children.append((pid, path, act))
    answers = [_ended(pid, path, float(act.get("patience", PATIENCE_S))) for pid, path, act in children]
    for one in folder.iterdir():
        one.unlink()
    folder.rmdir()
    return answers


def _act(act: dict[str, Any], path: Path) -> None:
    """In the child; never returns."""
    from tests.faults import acts

    os.environ.update(act.get("env", {}))
    said: dict[str, Any] = {}
    status, began = 0, time.monotonic()
    try:
        said["said"] = getattr(acts, act["do"])(**act.get("with", {}))
    except BaseException as error:  # noqa: BLE001 - told to the parent, whatever it is
        traceback.print_exc()
        said["error"] = f"{type(error).__name__}: {error}"
        status = 1
    said["seconds"] = round(time.monotonic() - began, 2)
    path.write_text(json.dumps(said, default=str))
    sys.stderr.flush()
    os._exit(status)


def _ended(pid: int, path: Path, patience_s: float) -> dict[str, Any]:
    deadline = time.monotonic() + patience_s
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.kill(pid, 6)
            deadline += 5
        time.sleep(0.02)
    said = json.loads(path.read_text()) if path.exists() else {}
    return {
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "status": os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1,
        "said": said.get("said"), "error": said.get("error", ""),
        "seconds": said.get("seconds", 0), "cpu": usage.ru_utime + usage.ru_stime,
    }  # fmt: skip


if __name__ == "__main__":
    main()
