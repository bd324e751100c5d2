"""The signer's own kill switch: a file beside its socket. It survives any restart, and an operator may `touch` it, too."""

import json
import os
from datetime import datetime
from pathlib import Path


class Switch:
    """Whether new orders may be signed. A file that is there but cannot be read is a halt."""

    def __init__(self, socket_path: str) -> None:
        self.path = Path(socket_path).with_suffix(".halt")

    def standing(self) -> str | None:
        """Why nothing is signed; None where the signer works."""
        try:
            text = self.path.read_text()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            return "the halt file cannot be read"
        try:
            return str(json.loads(text)["why"])
        except (ValueError, KeyError, TypeError):
            return text.strip()[:200] or "no reason given"

    def pull(self, why: str, at: datetime) -> None:
        """Stop signing orders; on the disk before this returns. Raises OSError."""
        draft = self.path.with_suffix(".halt-draft")
        with draft.open("w") as file:
            json.dump({"why": why, "at": at.isoformat()}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        _settle(self.path.parent)

    def release(self) -> None:
        """Sign orders again. Raises OSError."""
        self.path.unlink(missing_ok=True)
        _settle(self.path.parent)


def _settle(folder: Path) -> None:
    """Have a changed name on the disk, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
