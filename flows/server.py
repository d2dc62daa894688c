"""A private Prefect server as a child process: its own home and port, nothing sent outside, and none left behind.

    with PrefectServer(Path("var/prefect")) as server:
        print(server.ui_url)    # and Prefect in this process talks to this server

The server lives as long as the process that started it: it holds one end of a pipe, and stops when the other end
closes, be it by order or by a kill. Settings of Prefect that stand in the environment are set aside, so that a user's
own Prefect, its profile and its account are neither used nor changed.
"""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

HOST = "127.0.0.1"
START_WITHIN = 120
"""Seconds; the first start on a busy machine, which makes the server's tables, needs most of them."""
STOP_WITHIN = 20
"""Seconds to stop in order before the server is killed."""
WATCH_EVERY = 1.0
"""Seconds between two looks whether the server still runs, while it is watched."""
PORTS = range(20_000, 32_000)
"""From which a port is chosen; systems give outgoing connections those from 32,768 on."""
KEPT_SETTINGS = ("PREFECT_LOGGING_",)
"""Settings of the user's environment that stay in force."""


class ServerNotStartedError(OSError):
    """The Prefect server did not come up; the message ends with the last lines of its log."""


def free_port() -> int:
    """A port of this machine that nobody uses; not one of those that the system gives to whatever connects.

    The server listens some seconds later, and a connection could have taken such a port by then.
    """
    return next(port for port in random.SystemRandom().sample(PORTS, len(PORTS)) if is_free(port))


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        # As servers do: a connection that has just been closed does not keep the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def client_settings(home: Path, api_url: str, poll_seconds: int) -> dict[str, str]:
    """The settings of a process that works with the server (flows, planner, `csd up`) and of its children."""
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": api_url,
        "PREFECT_RUNNER_POLL_FREQUENCY": str(poll_seconds),
        # A server that cannot be reached is an error to see, not a reason to start another one in silence.
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_CLI_PROMPT": "false",
        "DO_NOT_TRACK": "1",
        # The server is on this machine: no proxy in between, whatever the environment says.
        "NO_PROXY": without_proxy(os.environ.get("NO_PROXY", "")),
        "no_proxy": without_proxy(os.environ.get("no_proxy", "")),
    }


def server_settings(home: Path, port: int, database_url: str | None) -> dict[str, str]:
    """The settings of the server itself. Without `database_url` its store is a SQLite file in `home`."""
    settings = {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_API_PORT": str(port),
        # Without it the screen says "Can't connect to Server API" on any port but 4200.
        "PREFECT_SERVER_UI_API_URL": f"http://{HOST}:{port}/api",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # The server's heartbeat to its makers.
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # A busy SQLite store waits rather than fails.
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
        "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "60",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    }
    if database_url is not None:
        settings["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = database_url
    return settings


def without_proxy(hosts: str) -> str:
    """The list of hosts reached without a proxy, with this machine in it."""
    return ",".join(dict.fromkeys([*filter(None, hosts.split(",")), HOST, "localhost"]))


def foreign_settings(environment: Mapping[str, str]) -> set[str]:
    """Names of Prefect settings in the environment that must not reach our server."""
    return {name for name in environment if name.startswith("PREFECT_") and not name.startswith(KEPT_SETTINGS)}


class PrefectServer:
    """Starts a Prefect server on entering and stops it on leaving; in between Prefect in this process talks to it.

    `home` holds the server's store, settings and log (`server.log`); it is made when it is not there and can be kept
    from one start to the next. `port` is any free one unless given. `database_url` puts the store on PostgreSQL
    (`postgresql+asyncpg://…`). `poll_seconds` is how often served deployments look for runs that are due. `settings`
    are more settings of the server. Raises ServerNotStartedError.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        database_url: str | None = None,
        poll_seconds: int = 5,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home.resolve()
        self.port = port or free_port()
        self.database_url = database_url
        self.poll_seconds = poll_seconds
        self.settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        self._saved: dict[str, str | None] = {}
        self._stack = ExitStack()

    @property
    def api_url(self) -> str:
        """Where programs reach the server."""
        return f"http://{HOST}:{self.port}/api"

    @property
    def ui_url(self) -> str:
        """Where a person looks at it."""
        return f"http://{HOST}:{self.port}"

    @property
    def log_file(self) -> Path:
        """What the server printed."""
        return self.home / "server.log"

    @property
    def pid(self) -> int | None:
        """The number of the server's process; None when it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Starts the server, waits until it answers and turns Prefect here to it; raises ServerNotStartedError."""
        self._stopping.clear()
        # Else the program that has the port would answer for the server, which has ended by then.
        if not is_free(self.port):
            raise ServerNotStartedError(f"port {self.port} is in use by another program")
        self.home.mkdir(parents=True, exist_ok=True)
        try:
            self._launch()
        except BaseException:
            self.stop()
            raise
        self._turn_prefect_to_the_server(foreign_settings(os.environ))

    def watch(self, told: Callable[[str], None]) -> None:
        """From now on starts the server again, at the same port and on the same store, when it ends without being stopped.

        `told` gets a line about each such end. What the server had not kept is nobody's loss: the database decides.
        """
        self._watcher = threading.Thread(target=self._watch, args=(told,), name="prefect-watch", daemon=True)
        self._watcher.start()

    def _watch(self, told: Callable[[str], None]) -> None:
        while not self._stopping.wait(WATCH_EVERY):
            process = self._process
            if process is None or process.poll() is None:
                continue
            told(f"the Prefect server ended with code {process.returncode}; starting it again")
            try:
                # What it has left behind would hold the port.
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            try:
                self._launch()
                told("the Prefect server is back")
            except OSError as fault:
                told(f"{fault}")

    def _launch(self) -> None:
        """Starts the process and waits until it answers; raises ServerNotStartedError."""
        foreign = foreign_settings(os.environ)
        environment = {name: value for name, value in os.environ.items() if name not in foreign}
        environment |= client_settings(self.home, self.api_url, self.poll_seconds)
        environment |= server_settings(self.home, self.port, self.database_url) | self.settings
        # The server itself is reached by no address but its own.
        del environment["PREFECT_API_URL"]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                # -P: the folder of this file is no place to import from (a `flows/clock.py` is nobody's `clock`).
                [sys.executable, "-P", __file__, HOST, str(self.port)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self.home,
                # Ctrl-C reaches this process, which stops the server after its own work.
                start_new_session=True,
            )
        self._wait_until_healthy()

    def _wait_until_healthy(self) -> None:
        assert self._process is not None
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + START_WITHIN
        while True:
            if self._process.poll() is not None:
                raise ServerNotStartedError(
                    f"the Prefect server ended with code {self._process.returncode}:\n{self._last_words()}"
                )
            try:
                with opener.open(f"{self.api_url}/health", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass  # not up yet
            if self._stopping.is_set():
                raise ServerNotStartedError("the Prefect server was stopped while it started")
            if time.monotonic() > deadline:
                raise ServerNotStartedError(
                    f"the Prefect server did not answer within {START_WITHIN} seconds:\n{self._last_words()}"
                )
            time.sleep(0.2)

    def _last_words(self) -> str:
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-15:])

    def _turn_prefect_to_the_server(self, foreign: set[str]) -> None:
        ours = client_settings(self.home, self.api_url, self.poll_seconds)
        self._saved = {name: os.environ.get(name) for name in foreign | set(ours)}
        for name in foreign:
            del os.environ[name]
        os.environ.update(ours)
        if "prefect" in sys.modules:
            # Prefect reads its settings once, when it is imported: from here on it has to be told, and in all threads.
            from prefect import context
            from prefect.settings import Profile, Settings

            self._stack.callback(setattr, context, "GLOBAL_SETTINGS_CONTEXT", context.GLOBAL_SETTINGS_CONTEXT)
            ours_now = context.SettingsContext(profile=Profile(name="csd", settings={}), settings=Settings())
            context.GLOBAL_SETTINGS_CONTEXT = ours_now

    def stop(self) -> None:
        """Stops the server in order and turns Prefect in this process back to where it was; harmless when repeated."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join(START_WITHIN)
            self._watcher = None
        if self.pid is not None and "prefect.logging.handlers" in sys.modules:
            # The last lines of the runs' logs are still on their way; after the server is gone they would be lost.
            from prefect.logging.handlers import APILogHandler

            APILogHandler().flush()
        self._stack.close()
        for name, value in self._saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._saved = {}
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        # The closed pipe is the order to stop.
        process.stdin.close()
        try:
            process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def __enter__(self) -> "PrefectServer":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def stop_with_the_parent() -> None:
    """Waits until the pipe from the process that started us closes, then ends this process: in order, then by force."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_WITHIN - 5)
    os._exit(1)


def main(host: str, port: str) -> None:
    """The child: runs Prefect's own server in this process until the parent goes away."""
    threading.Thread(target=stop_with_the_parent, daemon=True).start()
    from prefect.cli import app

    sys.argv = ["prefect", "server", "start", "--host", host, "--port", port]
    app()


if __name__ == "__main__":
    main(*sys.argv[1:])
