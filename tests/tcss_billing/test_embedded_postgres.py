"""The embedded server: one of it, whatever happens to it."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tcss_billing import embedded_postgres
from tcss_billing.embedded_postgres import Cluster

CHECKOUT = Path(__file__).resolve().parents[2]
START = (
    "import sys; from pathlib import Path; from tcss_billing import embedded_postgres;"
    "embedded_postgres.ensure(Path(sys.argv[1]))"
)
as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="else the cluster lies in the state directory"
)


@pytest.fixture
def home() -> Iterator[Path]:
    """A state directory of the test's own, with nothing left behind."""
    folder = Path(tempfile.mkdtemp(prefix="tcss-"))
    yield folder
    embedded_postgres.stop(folder)
    cluster = Cluster.of(folder)
    aside = cluster.root.parent.glob(f"{cluster.root.name}.[0-9]*")
    for left in (cluster.root, cluster.socket_directory, folder, *aside):
        shutil.rmtree(left, ignore_errors=True)
    for file in (cluster.lock, cluster.users):
        file.unlink(missing_ok=True)


def postmaster(cluster: Cluster) -> int:
    return int((cluster.data / "postmaster.pid").read_text().split()[0])


def is_alive(number: int) -> bool:
    """Whether a process runs; where nobody reaps, a dead one stays as a zombie."""
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def answers(cluster: Cluster, user: str = embedded_postgres.APP) -> str:
    with psycopg.connect(
        host=str(cluster.socket_directory),
        port=5432,
        user=user,
        dbname=embedded_postgres.DATABASE,
    ) as connection:
        row = connection.execute("SELECT current_user::text").fetchone()
    assert row
    return str(row[0])


def test_four_processes_at_once_get_one_server(home: Path) -> None:
    racers = [
        subprocess.Popen([sys.executable, "-c", START, str(home)], cwd=CHECKOUT)
        for _ in range(4)
    ]

    assert [racer.wait(60) for racer in racers] == [0] * 4

    cluster = Cluster.of(home)
    servers = [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(cluster.data) in (process.info["cmdline"] or [])
        or f"{cluster.data}" in " ".join(process.info["cmdline"] or [])
    ]
    assert len(servers) == 1
    assert answers(cluster) == "tcss_app"


def test_it_listens_on_a_private_socket_only(home: Path) -> None:
    cluster = embedded_postgres.ensure(home)

    mode = stat.S_IMODE(cluster.socket_directory.stat().st_mode)
    connections = psutil.Process(postmaster(cluster)).net_connections(kind="inet")
    assert mode == 0o700
    assert connections == []


def test_a_killed_postmaster_comes_back(home: Path) -> None:
    cluster = embedded_postgres.ensure(home)
    os.kill(postmaster(cluster), signal.SIGKILL)
    time.sleep(0.3)

    embedded_postgres.ensure(home)

    assert answers(cluster) == "tcss_app"


def test_a_reused_process_id_does_not_pass_for_the_server(home: Path) -> None:
    cluster = embedded_postgres.ensure(home)
    embedded_postgres.stop(home)
    (cluster.data / "postmaster.pid").write_text(f"{os.getpid()}\n{cluster.data}\n")

    embedded_postgres.ensure(home)

    assert answers(cluster) == "tcss_app"
    assert psutil.pid_exists(os.getpid())


def test_the_server_outlives_a_killed_parent_and_is_found_again(home: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", f"{START}; import time; time.sleep(60)", str(home)],
        cwd=CHECKOUT,
    )
    cluster = Cluster.of(home)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            answers(cluster)
            break
        except psycopg.OperationalError:
            time.sleep(0.2)
    before = postmaster(cluster)
    parent.kill()
    parent.wait()

    embedded_postgres.ensure(home)

    assert postmaster(cluster) == before


def test_a_planted_socket_folder_is_refused(home: Path) -> None:
    cluster = Cluster.of(home)
    cluster.root.parent.mkdir(parents=True, exist_ok=True)
    cluster.root.mkdir(mode=0o755)

    with pytest.raises(PermissionError, match="not a private folder"):
        embedded_postgres.ensure(home)


def test_folders_it_did_not_make_keep_their_mode(home: Path) -> None:
    home.chmod(0o751)
    before = {path: path.stat().st_mode for path in (home, home.parent, CHECKOUT)}

    embedded_postgres.ensure(home)

    assert {path: path.stat().st_mode for path in before} == before


def test_the_applications_role_makes_no_tables(home: Path) -> None:
    cluster = embedded_postgres.ensure(home)

    with (
        psycopg.connect(
            host=str(cluster.socket_directory),
            port=5432,
            user=embedded_postgres.APP,
            dbname=embedded_postgres.DATABASE,
        ) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("CREATE TABLE mine (id int)")


@pytest.fixture
def another(home: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts another process that uses the server until its input ends, then leaves."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        leave = "embedded_postgres.leave(Path(sys.argv[1]))"
        process = subprocess.Popen(
            [sys.executable, "-c", f"{START}; print(1); input(); {leave}", str(home)],
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout
        assert process.stdout.readline() == "1\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_last_to_leave_stops_it(
    home: Path, another: Callable[[], subprocess.Popen[str]]
) -> None:
    first, second = another(), another()

    first.communicate("\n")
    assert embedded_postgres.is_running(Cluster.of(home))

    second.communicate("\n")
    assert not embedded_postgres.is_running(Cluster.of(home))


def test_a_killed_user_does_not_count(
    home: Path, another: Callable[[], subprocess.Popen[str]]
) -> None:
    killed, last = another(), another()
    killed.kill()
    killed.wait()

    last.communicate("\n")

    assert not embedded_postgres.is_running(Cluster.of(home))


def test_a_server_started_by_hand_stays_until_it_is_stopped(home: Path) -> None:
    embedded_postgres.keep(home)

    assert not embedded_postgres.leave(home)
    assert embedded_postgres.is_running(Cluster.of(home))

    assert embedded_postgres.stop(home)
    embedded_postgres.ensure(home)
    assert embedded_postgres.leave(home)


def test_stopping_leaves_no_server(home: Path) -> None:
    cluster = embedded_postgres.ensure(home)
    number = postmaster(cluster)

    assert embedded_postgres.stop(home)

    assert not is_alive(number)
    assert not embedded_postgres.is_used_here(home)
    assert not embedded_postgres.stop(home)


def test_a_folder_too_long_for_a_socket_will_do() -> None:
    cluster = Cluster(Path("/") / ("x" * 200) / "postgres", None)

    assert len(str(cluster.socket_directory)) < 100
    assert cluster.socket_directory != Cluster.of(Path("/y")).socket_directory


def test_a_state_folder_that_cannot_be_written_is_a_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=CHECKOUT,
        env={**os.environ, "TCSS_HOME": "/dev/null/state"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "The state folder /dev/null/state cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def made_anew(home: Path) -> None:
    """The state directory as after its removal and a new start: with another key."""
    shutil.rmtree(home)
    home.mkdir()
    (home / "credential-key").write_text(os.urandom(8).hex())


def holds_a_table(cluster: Cluster) -> bool:
    with psycopg.connect(
        host=str(cluster.socket_directory),
        port=5432,
        user=embedded_postgres.OWNER,
        dbname=embedded_postgres.DATABASE,
    ) as connection:
        found = connection.execute("SELECT to_regclass('kept')").fetchone()
        connection.execute("CREATE TABLE IF NOT EXISTS kept ()")
    return found != (None,)


@as_root
def test_what_a_removed_state_directory_left_behind_is_set_aside(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made_anew(home)
    cluster = embedded_postgres.ensure(home)
    assert not holds_a_table(cluster)
    made_anew(home)

    with pytest.raises(embedded_postgres.PostgresFailed, match="still runs"):
        embedded_postgres.ensure(home)
    assert holds_a_table(cluster)
    embedded_postgres.stop(home)
    racers = [
        subprocess.Popen([sys.executable, "-c", START, str(home)], cwd=CHECKOUT)
        for _ in range(4)
    ]

    assert [racer.wait(60) for racer in racers] == [0] * 4
    assert not holds_a_table(embedded_postgres.ensure(home))
    (aside,) = cluster.root.parent.glob(f"{cluster.root.name}.[0-9]*")
    assert (aside / "data" / "PG_VERSION").exists()
    assert capfd.readouterr().err.count(f"is in {aside} now") == 1


@as_root
def test_a_cluster_of_before_and_one_whose_key_is_brought_go_on(home: Path) -> None:
    cluster = embedded_postgres.ensure(home)  # Nobody made a key, as nobody noted one.
    assert not holds_a_table(cluster)
    assert not cluster.mark.exists()

    for prepare in (made_anew, lambda home: (home / "credential-key").unlink()):
        embedded_postgres.stop(home)
        prepare(home)
        assert holds_a_table(embedded_postgres.ensure(home))


def test_a_dump_is_restored(home: Path, tmp_path: Path) -> None:
    cluster = embedded_postgres.ensure(home)
    where: Any = {
        "host": str(cluster.socket_directory),
        "port": 5432,
        "user": embedded_postgres.OWNER,
        "dbname": embedded_postgres.DATABASE,
    }

    def manage(*arguments: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", "postgres", *arguments],
            cwd=CHECKOUT,
            env={**os.environ, "TCSS_HOME": str(home)},
            check=True,
            capture_output=True,
        )

    with psycopg.connect(**where) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    manage("dump", str(tmp_path / "dump"))
    with psycopg.connect(**where) as connection:
        connection.execute("DROP TABLE kept")
    manage("restore", str(tmp_path / "dump"))

    with psycopg.connect(**where) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
