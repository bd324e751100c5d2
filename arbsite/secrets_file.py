"""Secrets that a development or demo machine makes for itself; production must be given its own."""

import os
import secrets
import sys
from pathlib import Path


def local_secret(data_dir: Path, name: str, production: bool) -> str:
    """A random secret kept in `<data_dir>/secrets/<name>` (mode 0600), made when first asked for.

    In production nothing is made up: the process ends with the name of the missing setting.
    """
    if production:
        variable = {"secret_key": "SECRET_KEY", "jwt_key": "JWT_SIGNING_KEY"}.get(name, name.upper())
        sys.exit(f"{variable} (or {variable}_FILE) must be set when PRODUCTION is on.")
    folder = data_dir / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name
    if not path.exists():
        draft = path.with_name(f".{name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)  # fails where another process was first: its secret is the one
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
