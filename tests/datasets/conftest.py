"""Small libraries, written into a temporary folder, that the parsers can find and must never import."""

import textwrap

import pytest


@pytest.fixture
def write_library(tmp_path, monkeypatch):
    """Function (name, {path: source}) that makes a library; importing it would raise."""
    root = tmp_path / "site"
    root.mkdir()
    monkeypatch.syspath_prepend(str(root))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))

    def write(name, files):
        folder = root / name
        folder.mkdir(exist_ok=True)
        start = folder / "__init__.py"
        if not start.exists():
            start.write_text("raise SystemExit('this library was imported')\n")
        for path, source in files.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            data = source if isinstance(source, bytes) else textwrap.dedent(source).encode()
            place.write_bytes(data)
        return folder

    return write
