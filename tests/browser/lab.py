"""The real JupyterLab on a private server in a throw-away folder, and the browser to look at it with."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Playwright

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NO_CHROMIUM = (
    "No Chromium was found: install it (Debian and Ubuntu: apt-get install chromium) "
    "or set the variable CHROMIUM to its path."
)
START_SECONDS = 90
# The settings with which `make lab` starts the server; a test must meet the same server as a reader.
SERVER_CONFIG = ROOT / "tools" / "jupyter_server_config.py"


class ChromiumMissing(RuntimeError):
    """There is no browser to test with; the message says what to install."""


def find_chromium() -> str:
    """Path of the browser: the variable CHROMIUM, or the first one that is installed.

    Raises
    ------
    ChromiumMissing
    """
    chosen = os.environ.get("CHROMIUM", "")
    found = chosen if chosen else next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found or not Path(found).exists():
        raise ChromiumMissing(NO_CHROMIUM)
    return found


def open_browser(playwright: Playwright, *, profile: Path) -> BrowserContext:
    """A headless Chromium with an empty profile that can reach nothing but this machine."""
    flags = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync"]
    flags += [f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {HOST}"]
    flags += ["--no-sandbox"] if running_as_root() else []
    return playwright.chromium.launch_persistent_context(
        str(profile),
        executable_path=find_chromium(),
        args=flags,
        viewport={"width": 1280, "height": 1000},
    )


def running_as_root() -> bool:
    """Whether this process may do everything, which JupyterLab and Chromium want to be told."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


class Lab:
    """A JupyterLab server in a temporary folder that holds copies of the course's notebooks.

    Parameters
    ----------
    notebooks : sequence of paths
        Copied to ``notebooks/`` of the served folder.

    Attributes
    ----------
    root : Path
        The served folder.
    cache : Path
        Where the course's code keeps files while this server runs.
    """

    def __init__(self, notebooks: Sequence[Path] = ()) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="course-lab-"))
        self.root = self._folder / "course"
        (self.root / "notebooks").mkdir(parents=True)
        for notebook in notebooks:
            shutil.copy(notebook, self.root / "notebooks" / notebook.name)
        self.token = secrets.token_hex(24)
        self.port = free_port()
        self.log = self._folder / "server.log"
        self.cache = self._folder / "cache"
        self._write_settings()
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Lab:
        command = [sys.executable, "-m", "jupyter", "lab", *self._options()]
        with self.log.open("wb") as log:
            self._server = subprocess.Popen(
                command,
                cwd=self.root,
                env=self._environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def url(self, notebook: str) -> str:
        """Address of a notebook, by its path in the served folder, in a workspace of its own."""
        place = f"lab/workspaces/{Path(notebook).stem}-{secrets.token_hex(3)}/tree/{notebook}"
        return f"http://{HOST}:{self.port}/{place}?token={self.token}"

    def write_notebook(self, name: str, sources: list[str]) -> str:
        """Write a notebook of code cells into the served folder; returns its path there."""
        import nbformat

        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in sources])
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        nbformat.write(notebook, self.root / "notebooks" / name)
        return f"notebooks/{name}"

    def append_cell(self, name: str, source: str) -> None:
        """Add a code cell to the served copy of a notebook."""
        import nbformat

        path = self.root / "notebooks" / name
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.append(nbformat.v4.new_code_cell(source))
        nbformat.write(notebook, path)

    def close(self) -> None:
        """End the server and its kernels, remove the folder.

        Raises
        ------
        RuntimeError
            If a kernel outlived the server; it is killed first.
        """
        server, self._server = self._server, None
        left: list[psutil.Process] = []
        if server is not None:
            left = self._stop(server)
        shutil.rmtree(self._folder, ignore_errors=True)
        if left:
            raise RuntimeError(f"{len(left)} kernels outlived JupyterLab and were killed: {left}")

    def _stop(self, server: subprocess.Popen[bytes]) -> list[psutil.Process]:
        children: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(server.pid).children(recursive=True)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)  # the server shuts its kernels down on this
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        _, left = psutil.wait_procs(children, timeout=10)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        return left

    def _options(self) -> list[str]:
        settings = {
            "ServerApp.ip": HOST,
            "ServerApp.port": self.port,
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": self.root,
            "IdentityProvider.token": self.token,
            "LabApp.user_settings_dir": self._folder / "settings",
            "LabApp.workspaces_dir": self._folder / "workspaces",
            "LabApp.extension_manager": "readonly",  # the other one asks the package index for news
            "LabApp.expose_app_in_browser": True,  # lets a test ask the page whether the kernel is idle
        }
        options = ["--no-browser"] + (["--allow-root"] if running_as_root() else [])
        options += [f"--config={SERVER_CONFIG}"] if SERVER_CONFIG.exists() else []
        return options + [f"--{name}={value}" for name, value in settings.items()]

    def _environment(self) -> dict[str, str]:
        # A reader has none of these set.
        kept = {k: v for k, v in os.environ.items() if k not in ("CI", "COURSE_SCOREBOARD", "JUPYTER_TOKEN")}
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join(paths),
            "COURSE_CACHE": str(self.cache),
            "JUPYTER_CONFIG_DIR": str(self._folder / "config"),
            "JUPYTER_DATA_DIR": str(self._folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(self._folder / "runtime"),
            "IPYTHONDIR": str(self._folder / "ipython"),
        }

    def _write_settings(self) -> None:
        folder = self._folder / "settings" / "@jupyterlab" / "apputils-extension"
        folder.mkdir(parents=True)
        news = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
        (folder / "notification.jupyterlab-settings").write_text(json.dumps(news), encoding="utf-8")

    def _wait_until_ready(self) -> None:
        assert self._server is not None
        request = urllib.request.Request(
            f"http://{HOST}:{self.port}/api/status", headers={"Authorization": f"token {self.token}"}
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._server.poll() is None:
            try:
                with urllib.request.urlopen(request, timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        log = self.log.read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"JupyterLab did not start within {START_SECONDS} s. It said:\n{log[-3000:]}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
