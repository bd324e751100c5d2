"""The signer's socket: for this user alone, by its file's mode and by what the kernel says of the asker."""

import contextlib
import ctypes
import json
import logging
import os
import resource
import socket
import socketserver
import stat
import struct
from pathlib import Path

from markets.signer.service import Signer

log = logging.getLogger(__name__)

MAX_LINE = 262_144  # a batch of orders
IDLE_SECONDS = 60
_PR_SET_DUMPABLE = 4
_CREDENTIALS = struct.Struct("3i")  # process, user, group


def keep_memory_private() -> None:
    """No core dump of this process, and no other process of this user may read its memory or environment."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE)")


class SignerServer(socketserver.ThreadingUnixStreamServer):
    """Listens on a socket that only this user may open."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path: str, signer: Signer) -> None:
        self.signer = signer
        self.path = path
        _clear(path)
        mask = os.umask(0o177)
        try:
            super().__init__(path, _Handler)
        finally:
            os.umask(mask)

    def verify_request(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> bool:
        """Only processes of our own user are answered."""
        assert isinstance(request, socket.socket)
        raw = request.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        process, user, _ = _CREDENTIALS.unpack(raw)
        if user == os.getuid():
            return True
        log.warning("another user asked the signer", extra={"peer": process, "user": user})
        return False

    def server_close(self) -> None:
        """Stop listening and take the socket away."""
        super().server_close()
        Path(self.path).unlink(missing_ok=True)


class _Handler(socketserver.StreamRequestHandler):
    timeout = IDLE_SECONDS

    def handle(self) -> None:
        """Answer line after line until the asker goes away."""
        server = self.server
        assert isinstance(server, SignerServer)
        with contextlib.suppress(OSError):  # gone, or silent for long: it will connect again
            while line := self.rfile.readline(MAX_LINE):
                answer = server.signer.answer(line)
                if "error" in answer:
                    log.warning("signer refused", extra={"why": answer["error"], "code": answer["code"]})
                self.wfile.write(json.dumps(answer).encode() + b"\n")
                if not line.endswith(b"\n"):
                    return  # too long, or cut off: what follows is no request


def _clear(path: str) -> None:
    """Remove the socket that a killed signer left. Raises OSError where a signer still listens there."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not (target.exists() and stat.S_ISSOCK(target.stat().st_mode)):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
        except OSError:
            target.unlink(missing_ok=True)
            return
    raise OSError(f"another signer listens on {path}")
