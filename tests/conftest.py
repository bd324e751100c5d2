"""The tests' own PostgreSQL and Redis: started once, shared by all xdist workers, stopped at the end.

`DATABASE_URL` and `REDIS_URL` are honoured where both are given. Each worker has a database of its own (pytest-django names
it) and a Redis database number of its own.
"""

import os
import shutil
from pathlib import Path

import hypothesis
import pytest

from arbsite.stack import Stack

ROOT = Path(__file__).resolve().parents[1]
RUNS = ROOT / ".data" / "tests"  # one folder a run, named after the process, so that runs never meet
SHARED = Path(os.environ.get("ARBSITE_SHARED", ROOT.parent / "shared"))

LONGEST = "test_crash_table.py"  # waits for its processes for minutes, and needs little of a core

# Where a test does not say otherwise
SETTINGS = {
    # Paper orders need no time and always find what the book shows
    "TRADING_PAPER_POLYMARKET_MS": "0", "TRADING_PAPER_KALSHI_MS": "0", "TRADING_PAPER_FILL_RATES": "0:1",
    # What a test has just shown is fresh and what it has just planned is wanted, however busy the machine
    "SIGNALS_MAX_BOOK_AGE_SECONDS": "30", "EXECUTION_INTENT_SECONDS": "60",
}  # fmt: skip

_stack: Stack | None = None

# An example that meets a busy machine is slow, not wrong; times are measured by `make bench`. The examples are the same
# in every run, so that a build fails for what was changed; `--hypothesis-profile wander` looks for new ones
BUSY = (hypothesis.HealthCheck.too_slow,)
hypothesis.settings.register_profile(
    "arbsite", deadline=None, derandomize=True, database=None, suppress_health_check=BUSY
)
hypothesis.settings.register_profile("wander", deadline=None, suppress_health_check=BUSY)
hypothesis.settings.load_profile("arbsite")


def pytest_configure(config: pytest.Config) -> None:
    """Start the services before Django reads its settings (the first worker-less process does)."""
    if not hasattr(config, "workerinput"):
        _start_services()
    else:
        number = 1 + int(config.workerinput["workerid"].removeprefix("gw")) % 15
        os.environ["REDIS_URL"] = _with_database(os.environ["REDIS_URL"], number)
    os.environ["DJANGO_SETTINGS_MODULE"] = "arbsite.settings"
    os.environ["LOG_FORMAT"] = "text"
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    import django

    django.setup()
    from django.conf import settings

    from tests import emptying

    emptying.install()
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise looks into it for every client
    if not hasattr(config, "workerinput"):
        # Workers inherit the environment: with this set they would read their settings before the lines above run
        del os.environ["DJANGO_SETTINGS_MODULE"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file first, or everybody waits for it in the end (`--no-loadscope-reorder` keeps this order)."""
    items.sort(key=lambda item: LONGEST not in item.nodeid)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what this process started."""
    global _stack
    if _stack is not None:
        folder, _ = _stack.data_dir, _stack.stop()
        _stack = None
        shutil.rmtree(folder, ignore_errors=True)


def _start_services() -> None:
    global _stack
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        return
    _sweep_old_runs()
    folder = RUNS / str(os.getpid())
    os.environ.setdefault("DATA_DIR", str(folder))
    _stack = Stack(folder)
    services = _stack.start()
    os.environ.setdefault("DATABASE_URL", services.database_url)
    os.environ.setdefault("REDIS_URL", services.redis_url)


def _sweep_old_runs() -> None:
    """Remove what killed runs left."""
    for folder in RUNS.glob("[0-9]*"):
        if not Path("/proc", folder.name).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _with_database(url: str, number: int) -> str:
    base, _, query = url.partition("?")
    head, _, tail = base.rpartition("/")
    base = f"{head}/{number}" if tail.isdigit() or not tail else f"{base}/{number}"
    return f"{base}?{query}" if query else base


@pytest.fixture(autouse=True)
def _empty_redis(request: pytest.FixtureRequest) -> None:
    """Tests that use the database or Redis begin with an empty Redis."""
    if {"redis", "db", "transactional_db", "django_db_setup", "live_server"} & set(request.fixturenames):
        from arbsite.connections import redis_client

        redis_client().flushdb()


@pytest.fixture
def redis():
    """The worker's own Redis database, emptied."""
    from arbsite.connections import redis_client

    return redis_client()


@pytest.fixture(scope="session")
def recorded() -> Path:
    """Real payloads, where they are at hand."""
    folder = SHARED / "recorded"
    if not folder.is_dir():
        pytest.skip("the recorded payloads are not beside this checkout")
    return folder
