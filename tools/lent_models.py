"""Lend what the lessons of a test run trained to the runs after it, so that each model is trained once.

`make test` runs every lesson three times: under nbval from a cold start, then twice in JupyterLab. The first
keeps what was trained and read in the folder named by COURSE_TEST_CACHE; the others begin with a copy. All is
keyed by config, data and code, so what is stale is never used. Without the variable nothing is kept or lent.
"""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

# Folders of the cache that hold results, not a reader's progress.
KEPT = ("corpora", "docstrings", "imports", "models", "translation", "vectors", "wikipedia")


def keep_models(cache: Path) -> None:
    """Copy what was trained and read in the cache folder of lessons or tests that have run."""
    if lent := os.environ.get("COURSE_TEST_CACHE"):
        _copy(cache, Path(lent))


def lend_models(cache: Path) -> None:
    """Put what earlier runs kept into the cache folder of lessons that are about to run."""
    if lent := os.environ.get("COURSE_TEST_CACHE"):
        _copy(Path(lent), cache)


def _copy(source: Path, target: Path) -> None:
    """Copy what is not there yet; another worker that reads meanwhile finds a file whole or not at all."""
    for name in KEPT:
        for path in (source / name).rglob("*"):
            copy = target / path.relative_to(source)
            if path.is_file() and not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                partial = target / f"{uuid.uuid4().hex}.partial"  # outside of the folders that are copied
                shutil.copy2(path, partial)
                os.replace(partial, copy)
