"""`make lab` opens lesson 00, on this machine only and behind a token."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest
from lab import HOST, ROOT, free_port

pytestmark = pytest.mark.browser


@pytest.fixture
def opened(tmp_path):
    """Run `make lab` with a browser that only notes the page it should open; yield that page and the port."""
    port, note = free_port(), tmp_path / "opened.txt"
    browser = tmp_path / "browser.sh"
    browser.write_text(f'#!/bin/sh\necho "$1" > {note}\n', encoding="utf-8")
    browser.chmod(0o755)
    venv = sys.prefix
    folders = {f"JUPYTER_{kind}_DIR": str(tmp_path / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    server = subprocess.Popen(
        # The environment of this test is the installed one: nothing to set up again.
        ["make", "lab", f"VENV={venv}", f"PORT={port}", "-o", f"{venv}/.installed"],
        cwd=ROOT,
        env={**os.environ, **folders, "BROWSER": f"{browser} %s"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not (note.exists() and note.read_text().strip()):
            assert server.poll() is None, server.stdout.read().decode()
            assert time.monotonic() < deadline, "make lab opened no page within a minute"
            time.sleep(0.1)
        yield note.read_text().strip(), port, server.pid
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=20)


def fetch(port, path, *, token=None):
    headers = {"Authorization": f"token {token}"} if token else {}
    request = urllib.request.Request(f"http://{HOST}:{port}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode("utf-8")


def test_make_lab_opens_lesson_00_with_a_token_on_loopback(opened):
    page, port, pid = opened
    redirect = Path(page.removeprefix("file://")).read_text(encoding="utf-8")
    address = re.search(r'href="([^"]+)"', redirect)[1]
    assert "/lab/tree/notebooks/00_welcome.ipynb" in address
    token = re.search(r"token=(\w{20,})", address)[1]
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(port, "/api/contents/notebooks")
    assert refused.value.code in (401, 403)
    names = {
        entry["name"] for entry in json.loads(fetch(port, "/api/contents/notebooks", token=token))["content"]
    }
    assert {"00_welcome.ipynb", "01_counting_words.ipynb"} <= names
    listening = {
        connection.laddr.ip
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        for connection in process.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {HOST}
