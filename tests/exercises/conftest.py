"""What the tests of all lessons' exercises share."""

import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """Progress goes into a folder of the test's own."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
