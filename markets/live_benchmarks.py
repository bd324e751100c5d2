"""What the markets room measures with everything running: how old a price is when it is in the cache, and a full load."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command

from arbsite import keys
from arbsite.bench import percentile, worker
from arbsite.config import BASE_DIR
from arbsite.connections import redis_client
from arbsite.demo.launch import sandbox_environment
from arbsite.models import Component
from arbsite.registry import Figure
from arbsite.supervisor import Program, Supervisor
from markets.platforms.base import KALSHI, PLATFORMS, POLYMARKET

MANAGE = [sys.executable, str(BASE_DIR / "manage.py")]
TARGETS_MS = {POLYMARKET: 100, KALSHI: 500}  # the specification's 2.2.2
LATENCY_SECONDS, LOAD_SECONDS, SETTLE_SECONDS = 20, 60, 15
LOAD_PAIRS, LOAD_RATE = 1_000, 5_000


@dataclass(slots=True)
class Heard:
    """Milliseconds from the last frame of a book to its event on the channel, for each platform."""

    ages: dict[str, list[float]]
    hops: list[float]  # from a publish to the same listener, ms


def latency() -> list[Figure]:
    """A frame is in the cache: from its receipt to the price event, window included, on the demo's load."""
    with _running(pairs=20, rate=60):
        heard = _listen(LATENCY_SECONDS)
    hop = percentile(heard.hops, 0.99)
    figures = []
    for platform in PLATFORMS:
        ages, target = heard.ages[platform], TARGETS_MS[platform]
        late = percentile(ages, 0.99)
        figures.append(
            Figure(f"{platform}: frame in the cache, p99", late, "ms",
                   f"p50 {percentile(ages, 0.5):.0f} ms, an empty hop's p99 {hop:.1f} ms", f"< {target} ms", late < target)
        )  # fmt: skip
    return figures


def load() -> list[Figure]:
    """Both connectors at the sandbox's 5,000 changes a second over 2,000 markets."""
    with _running(pairs=LOAD_PAIRS, rate=LOAD_RATE):
        before = _rows()
        longest: list[int] = []
        began = time.monotonic()
        while time.monotonic() - began < LOAD_SECONDS:
            time.sleep(2)
            longest += [row["longest_window_ms"] for row in _rows().values()]
        after = _rows()
    seconds = time.monotonic() - began
    frames = sum(after[name]["frames"] - before[name]["frames"] for name in after)
    lost = sum(after[name]["gaps"] - before[name]["gaps"] for name in after)
    half = len(longest) // 2
    return [
        Figure("load: frames taken", frames / seconds, "frames/s", f"the sandbox makes {LOAD_RATE} changes/s"),
        Figure("load: gaps", lost, "books", f"{LOAD_SECONDS} s", "0", lost == 0),
        Figure("load: longest wait of a change for its window, p99", percentile(longest, 0.99), "ms",
               f"first half {max(longest[:half])} ms, second half {max(longest[half:])} ms"),
    ]  # fmt: skip


def _rows() -> dict[str, Any]:
    return {row.pk: row.detail for row in Component.objects.filter(pk__startswith="stream-")}


@contextmanager
def _running(*, pairs: int, rate: int) -> Iterator[None]:
    """The sandbox, both connectors and a worker, with every pair followed."""
    data = settings.ARBSITE.core.data_dir
    folder = data / f"exchange-{pairs}"
    env = dict(os.environ)
    options = [
        "--ports-file",
        str(folder / "urls.json"),
        "--keys-dir",
        str(folder / "keys"),
        "--no-rate-limits",
    ]
    size = ["--pairs", str(pairs), "--short-lived", "0", "--near-misses", "0", "--wide", "0"]
    sandbox = [*MANAGE, "sandbox", *options, *size, "--rate", str(rate)]
    with Supervisor(folder, [Program("sandbox", sandbox, env=env)]):
        env |= sandbox_environment(_urls(folder / "urls.json"), folder.parent / "none")
        env |= {
            "KALSHI_KEY_ID_FILE": str(folder / "keys" / "kalshi_key_id"), "KALSHI_READ_TOKENS_PER_SECOND": "100000",
        }  # fmt: skip
        signer = {**env, "KALSHI_PRIVATE_KEY_FILE": str(folder / "keys" / "kalshi_private.pem")}
        programs = [
            Program("signer", [*MANAGE, "signer"], env=signer),
            *(Program(f"stream-{name}", [*MANAGE, "stream", name], env=env) for name in PLATFORMS),
            Program("sync", [*MANAGE, "sync"], env=env),
        ]
        call_command("flush", interactive=False, verbosity=0)
        redis_client().flushdb()
        with worker(data), Supervisor(data, programs):
            _await_books(2 * pairs)
            time.sleep(SETTLE_SECONDS)
            yield


def _urls(path: Path) -> dict[str, str]:
    deadline = time.monotonic() + 120
    while not path.exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"the sandbox does not start: read {path.parent / 'logs' / 'sandbox.log'}")
        time.sleep(0.1)
    return dict(json.loads(path.read_text()))


def _await_books(count: int) -> None:
    deadline = time.monotonic() + 180
    while sum(row.get("trusted", 0) for row in _rows().values()) < count * 0.95:
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {_rows()} instead of {count} live books")
        time.sleep(0.5)


def _listen(seconds: float) -> Heard:
    client = redis_client()
    listener = client.pubsub(ignore_subscribe_messages=True)
    listener.subscribe(keys.PRICE_UPDATES, "cache:hop")
    heard = Heard({platform: [] for platform in PLATFORMS}, [])
    deadline, hop_at = time.monotonic() + seconds, 0.0
    while (now := time.monotonic()) < deadline:
        if now >= hop_at:
            hop_at = now + 0.1
            client.publish("cache:hop", repr(time.time()))
        message = listener.get_message(timeout=0.05)
        if message is None:
            continue
        at = time.time()
        if message["channel"] == b"cache:hop":
            heard.hops.append((at - float(message["data"])) * 1_000)
        else:
            event = json.loads(message["data"])
            heard.ages[event["source"]].append(at * 1_000 - event["timestamp"])
    return heard
