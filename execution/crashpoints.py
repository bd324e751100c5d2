"""Named places where a test lets this process die by SIGKILL; inert unless `CRASH_AT` names one.

`CRASH_AT=first:answered` kills at the first pass, `CRASH_AT=first:answered@2` at the second.
The names are listed in docs/crashes.md.
"""

import os
import signal

_passed = 0


def reach(name: str) -> None:
    """Die here, if this is the place."""
    wanted = os.environ.get("CRASH_AT")
    if not wanted:
        return
    place, _, pass_number = wanted.partition("@")
    if place != name:
        return
    global _passed
    _passed += 1
    if _passed == int(pass_number or 1):
        os.kill(os.getpid(), signal.SIGKILL)
