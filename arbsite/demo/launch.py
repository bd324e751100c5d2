"""Starts and stops everything the demo consists of. This process itself never touches the database.

1. embedded PostgreSQL and Valkey          threads of this process (arbsite.stack)
2. the sandbox exchange                    supervised, and known by the file it writes its addresses into
3. migrate, cron table, login, discovery   `manage.py demo --prepare`
4. signer, executor, connectors, workers, beat, …    supervised
5. the screen                              `manage.py demo --view`, whose end ends everything
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from arbsite import lifeline, registry
from arbsite.config import BASE_DIR, RUNNING_DEMO
from arbsite.stack import Stack, StackError
from arbsite.supervisor import Program, Supervisor, SupervisorError

MANAGE = [sys.executable, str(BASE_DIR / "manage.py")]
CELERY = [sys.executable, "-m", "celery", "-A", "arbsite"]
HOT_QUEUES, OTHER_QUEUES = "markets,signals,execution", "arbsite,alerts,persist,rest"
SANDBOX_PATIENCE = 60.0  # seconds
HOPELESS = 2  # so many vain tries, and it will not start
STATE = "state.sqlite3"  # what the exchange keeps
LATER = 5  # niceness: who may start after those that the first opportunity waits for
LOGIN = ("demo", "arbsite-demo")
NEWS_EVERY = 6.0  # seconds between two acts of the sandbox's newsroom
WHALE_STREAM = "whale_alert"
# Everything happens within minutes here, so it is looked for often and judged soon
PACE = {
    "SOURCES_CONTACT": "demo@sandbox.example", "WHALE_ALERT_REST": "true", "WHALE_ALERT_CHAINS": "ethereum,bitcoin,polygon",
    "WHALE_ALERT_EVERY_SECONDS": "10", "ETHERSCAN_EVERY_SECONDS": "10", "DEFILLAMA_EVERY_SECONDS": "60",
    "WHALES_HORIZON_MINUTES": "4", "WHALES_HALF_LIFE_MINUTES": "2", "NEWS_EVERY_SECONDS": "5",
    "NEWS_HORIZON_MINUTES": "3", "NEWS_HALF_LIFE_MINUTES": "2", "CRYPTOPANIC_PLAN": "growth",
    "CRYPTOPANIC_CALLS_PER_MONTH": "260000", "NEWSAPI_PLAN": "business", "NEWSAPI_CALLS_PER_DAY": "8640",
    "NEWSAPI_QUERY": "(bitcoin OR ether OR inflation OR index OR treaty OR launches OR rainfall OR temperature)",
    "GDELT_QUERY": "(bitcoin OR ether OR inflation OR index OR treaty OR launches) sourcelang:eng",
    "GDELT_EVERY_SECONDS": "15", "EVIDENCE_PRICE_HORIZON_MINUTES": "2",
    "CALENDARS_EVERY_SECONDS": "30", "CALENDARS_WIDEN_MINUTES": "3",
    "CALENDARS_SUSPEND_BEFORE_MINUTES": "1", "CALENDARS_SUSPEND_AFTER_MINUTES": "1",
}  # fmt: skip


class DemoError(Exception):
    """The demo cannot run; the message is one sentence that says what to do."""


Say = Callable[[str], None]


def run(
    data: Path,
    *,
    seconds: int | None,
    pairs: int,
    rate: float,
    web_port: int,
    flower_port: int,
    say: Say,
    mode: str = "paper",
    news_every: float = NEWS_EVERY,
) -> int:
    """Run the demo until it is interrupted or `seconds` have passed; returns the exit status."""
    web_port, flower_port = free_port(web_port, "WEB_PORT"), free_port(flower_port, "FLOWER_PORT")
    began = time.time()
    interrupted = _interruptible()
    stack = Stack(data)
    try:
        say("starting PostgreSQL and Valkey")
        services = stack.start()
    except StackError as error:
        raise DemoError(str(error)) from error
    exchange, system = None, None
    try:
        base = environment(data, services.database_url, services.redis_url, mode)
        say("starting the sandbox exchange")
        exchange = Supervisor(data / "exchange", [sandbox_program(data, base, pairs, rate, news_every)])
        exchange.start()
        places = sandbox_environment(_await_urls(exchange, began, interrupted), data)
        base |= places
        leave_settings(data, places | {"TRADING_MODE": mode})
        say("preparing the database")
        _step([*MANAGE, "demo", "--prepare"], base)
        system = Supervisor(data, programs(base, data, web_port, flower_port))
        say(
            "starting signer, executor, connectors, workers, beat, jobs, Flower and the web server; reading the markets"
        )
        system.start()
        _step([*MANAGE, "sync"], base)
        view = [
            *MANAGE,
            "demo",
            "--view",
            "--began",
            str(began),
            "--web",
            str(web_port),
            "--flower",
            str(flower_port),
        ]
        return _watch(view + (["--seconds", str(seconds)] if seconds else []), base, interrupted)
    except SupervisorError as error:
        raise DemoError(str(error)) from error
    except KeyboardInterrupt:
        return 0
    finally:
        say("stopping")
        (data / RUNNING_DEMO).unlink(missing_ok=True)
        for supervisor in (system, exchange):
            if supervisor is not None:
                supervisor.stop()
        stack.stop()


def environment(data: Path, database_url: str, redis_url: str, mode: str = "paper") -> dict[str, str]:
    """What every process of the demo is told."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_PRIVATE_KEY_FILE")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    for name in [name for name in kept if name.endswith(("_API_KEY_FILE", "_TOKEN_FILE"))]:
        del kept[name]  # keys of the real sources have no place here
    return {
        **kept,
        # A dozen processes import the same packages: compile them once, without a trace in the checkout
        "PYTHONPYCACHEPREFIX": str(data / "pycache"),
        "DATA_DIR": str(data),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "CELERY_BROKER_URL": "",
        "DJANGO_SETTINGS_MODULE": "arbsite.settings",
        "PYTHONUNBUFFERED": "1",
        "TRADING_MODE": mode,
    }


def sandbox_environment(urls: dict[str, Any], data: Path) -> dict[str, str]:
    """The sandbox in the place of the platforms and, where it says how, of every source beside them."""
    sources = {name: str(value) for name, value in urls.get("settings", {}).items()}
    key_id = data / "exchange" / "keys" / "kalshi_key_id"
    return {
        "POLYMARKET_GAMMA_URL": urls["gamma"],
        "POLYMARKET_CLOB_URL": urls["clob"],
        "POLYMARKET_DATA_URL": urls["data"],
        "POLYMARKET_WS_URL": urls["clob_ws"],
        "POLYMARKET_USER_WS_URL": urls["clob_ws_user"],
        "POLYMARKET_GEOBLOCK_URL": urls["geoblock"],
        "KALSHI_REST_URL": urls["kalshi_rest"],
        "KALSHI_WS_URL": urls["kalshi_ws"],
        "KALSHI_KEY_ID_FILE": str(key_id),
        "SANDBOX_CONTROL_URL": urls["control"],
        **sources,
        **(PACE if sources else {}),
    }


def leave_settings(data: Path, places: dict[str, str]) -> None:
    """Let commands that are run beside the demo speak to the sandbox and in its mode, never to the real platforms."""
    lines = [f"# process {os.getpid()}", *(f"{name}={value}" for name, value in places.items())]
    (data / RUNNING_DEMO).write_text("\n".join(lines) + "\n")


def sandbox_program(
    data: Path, base: dict[str, str], pairs: int, rate: float, news_every: float = NEWS_EVERY
) -> Program:
    """The exchange; it comes back on the same ports and goes on where it stopped."""
    folder = data / "exchange"
    command = [
        *MANAGE, "sandbox", "--ports-file", str(folder / "urls.json"), "--keys-dir", str(folder / "keys"),
        "--state-file", str(folder / STATE),
        "--pairs", str(pairs), "--rate", str(rate), "--news-every", str(news_every),
    ]  # fmt: skip
    return Program("sandbox", command, env=base)


def programs(base: dict[str, str], data: Path, web_port: int, flower_port: int) -> list[Program]:
    """Every other process."""
    keys = data / "exchange" / "keys"
    signer = {
        "KALSHI_PRIVATE_KEY_FILE": str(keys / "kalshi_private.pem"),
        "POLYMARKET_PRIVATE_KEY_FILE": str(keys / "polymarket_private_key"),
    }
    flower = {**base, "FLOWER_UNAUTHENTICATED_API": "false"}
    web = [
        sys.executable, "-m", "gunicorn", "arbsite.wsgi", "--bind", f"127.0.0.1:{web_port}", "--workers", "1",
        "--threads", "4", "--timeout", "60",
    ]  # fmt: skip
    whales = [
        Program(f"stream-{name}", [*MANAGE, "stream", name], env=base, nice=LATER)
        for name in registry.streams
        if name == WHALE_STREAM
    ]
    return [
        Program("signer", [*MANAGE, "signer"], env={**base, **signer}),
        Program("trade", [*MANAGE, "trade"], env=base, stop_seconds=15),
        Program("worker-hot", worker("hot", HOT_QUEUES, 2), env=base, stop_seconds=15),
        Program("stream-polymarket", [*MANAGE, "stream", "polymarket"], env=base),
        Program("stream-kalshi", [*MANAGE, "stream", "kalshi"], env=base),
        Program("worker-other", worker("other", OTHER_QUEUES, 1), env=base, stop_seconds=15, nice=LATER),
        Program("beat", [*MANAGE, "beat"], env=base, nice=LATER),
        Program("web", web, env=base, nice=LATER),
        Program("jobs", [*MANAGE, "jobs"], env=base, nice=LATER),
        *whales,
        Program(
            "flower",
            [
                *CELERY,
                "flower",
                "--address=127.0.0.1",
                f"--port={flower_port}",
                f"--basic-auth={':'.join(LOGIN)}",
            ],
            env=flower,
            nice=LATER,
        ),
    ]


def worker(name: str, queues: str, processes: int) -> list[str]:
    """A Celery worker for some queues."""
    return [
        *CELERY, "worker", "-Q", queues, "-c", str(processes), "-n", f"{name}@%h", "-l", "INFO", "--without-mingle",
    ]  # fmt: skip


def free_port(wanted: int, variable: str) -> int:
    """`wanted` if nobody listens there, else any free port; a port asked for by its variable must be free."""
    asked = int(os.environ.get(variable) or 0)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", asked or wanted))
        except OSError as error:
            if asked:
                raise DemoError(f"Port {asked} is taken: set {variable} to another one.") from error
        else:
            return asked or wanted
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_urls(exchange: Supervisor, began: float, interrupted: Callable[[], bool]) -> dict[str, Any]:
    path, started = exchange.data_dir / "urls.json", time.monotonic()
    asked = started
    while time.monotonic() < started + SANDBOX_PATIENCE and not interrupted():
        if path.exists() and path.stat().st_mtime >= began:
            return dict(json.loads(path.read_text()))
        if time.monotonic() > asked + 1:
            asked = time.monotonic()
            if exchange.status()["sandbox"]["restarts"] >= HOPELESS:
                break
        time.sleep(0.05)
    if interrupted():
        raise KeyboardInterrupt
    log = exchange.data_dir / "logs" / "sandbox.log"
    raise DemoError(f"The sandbox exchange does not start: {_last_line(log)} More is in {log}.")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n") if log.is_file() else []
    said = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    return said.removeprefix("CommandError: ").rstrip(".") + "."


def _step(command: list[str], env: dict[str, str]) -> None:
    done = subprocess.run(
        lifeline.command(command), env=env, cwd=BASE_DIR, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DemoError(f"{' '.join(command[1:])} failed: {(done.stderr or done.stdout).strip()[-2_000:]}")


def _watch(command: list[str], env: dict[str, str], interrupted: Callable[[], bool]) -> int:
    """The screen, until it ends or we are interrupted; then it is asked to close, so that it can say its last word."""
    view = subprocess.Popen(lifeline.command(command), env=env, cwd=BASE_DIR, start_new_session=True)
    while view.poll() is None:
        if interrupted():
            view.send_signal(signal.SIGINT)
            try:
                view.wait(timeout=20)
            except subprocess.TimeoutExpired:
                view.kill()
            return 0
        time.sleep(0.1)
    return view.returncode


def _interruptible() -> Callable[[], bool]:
    """Whether Ctrl-C, SIGTERM or a closed terminal has asked us to end."""
    seen: list[int] = []
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda number, _: seen.append(number))
    return lambda: bool(seen)
