"""The embedded Valkey: everything that was acknowledged a second ago is on disk, nobody comes in without a password."""

import hashlib
import signal
import socket
from pathlib import Path
from signal import Signals

from arbsite.stack.servers import HERE, Server

USER = "arbsite"

# What no client of ours needs and what could turn a stolen password into more than its data.
DENIED = "-acl +acl|whoami -debug -module -replicaof -slaveof -failover -config|set -config|rewrite"
# Celery's queues live here: evicting keys to save memory would lose tasks, so writes are refused instead.
CONFIG = """\
bind 127.0.0.1
port {port}
protected-mode yes
daemonize no
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
tcp-keepalive 60
loglevel notice
user default off
user {user} on #{digest} ~* &* +@all {denied}
"""


class Valkey(Server):
    """Valkey in its folder, with an append-only file."""

    title = "Valkey"
    program = "valkey-server"
    parent_death = Signals.SIGTERM
    stop_steps = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))

    @property
    def url(self) -> str:
        return f"redis://{USER}:{self.password}@127.0.0.1:{self.port}/0"

    def prepare(self) -> tuple[list[str], Path]:
        digest = hashlib.sha256(self.password.encode()).hexdigest()
        self.write(
            self.folder / "valkey.conf",
            CONFIG.format(port=self.port, user=USER, digest=digest, denied=DENIED),
        )
        title = f"valkey-server {{listen-addr}} {self.tag}"
        args = [str(self.programs.valkey_server), f"{HERE}/valkey.conf", "--proc-title-template", title]
        return args, self.folder

    def answers(self) -> bool:
        """Spoken by hand: the client library takes longer to import than the server to start."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(f"AUTH {USER} {self.password}\r\nPING\r\nQUIT\r\n".encode())
                answer = b""
                while part := connection.recv(256):
                    answer += part
        except OSError:
            return False
        return answer.startswith(b"+OK\r\n+PONG")  # "-LOADING …" while the append-only file is read
