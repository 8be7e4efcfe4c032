"""What lessons trained or computed once in a test run, lent to the runs of the same lessons that follow.

Each lesson is tested from a cold start once (`tests/test_notebooks.py`). What it trained there is copied to
the folder named by COURSE_TEST_CACHE; nbval and the browser tests begin with a copy of that, so that a test
run does not train everything three times. All is keyed by config, data and code, so what is stale is
never used. Without the variable nothing is kept and nothing lent.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

KEPT = (
    "docstrings",
    "models",
    "vectors",
    "wikipedia",
)  # folders of the cache that hold results, not a reader's progress


def keep_models(cache: Path) -> None:
    """Copy what was trained in the cache folder of a lesson that has run."""
    if lent := os.environ.get("COURSE_TEST_CACHE"):
        _copy(cache, Path(lent))


def lend_models(cache: Path) -> None:
    """Put what earlier runs trained into the cache folder of a lesson that is about to run."""
    if lent := os.environ.get("COURSE_TEST_CACHE"):
        _copy(Path(lent), cache)


def _copy(source: Path, target: Path) -> None:
    for name in KEPT:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, dirs_exist_ok=True)
