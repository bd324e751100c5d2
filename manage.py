#!/usr/bin/env python
"""Manual work: `python manage.py help` lists the commands."""

import os
import sys
from pathlib import Path


def main() -> None:
    """Hand over to Django, with one clear line where the virtual environment is missing."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arbsite.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        here = Path(__file__).resolve().parent
        sys.exit(
            f"Django is not installed here. Run `make setup`, then `{here / '.venv/bin/python'} manage.py …`."
        )
    from django.db.utils import OperationalError, ProgrammingError
    from psycopg.errors import UndefinedColumn, UndefinedTable
    from redis.exceptions import ConnectionError as RedisGone

    try:
        execute_from_command_line(sys.argv)
    except (OperationalError, RedisGone) as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(
            f"PostgreSQL or Redis does not answer ({str(error).splitlines()[0]}). Start a demo or"
            " `manage.py stack`, or set DATABASE_URL and REDIS_URL; `manage.py doctor` says more."
        )
    except ProgrammingError as error:
        if "--traceback" in sys.argv or not isinstance(error.__cause__, UndefinedTable | UndefinedColumn):
            raise
        sys.exit(
            f"The database is not prepared for this version ({str(error).splitlines()[0]}). Run `manage.py migrate`."
        )


if __name__ == "__main__":
    main()
