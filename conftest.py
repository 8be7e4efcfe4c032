"""Lessons under nbval: a cell that did not run, or has nothing to be compared with, fails the run.

nbval counts what it could not judge as passed: after a timeout the remaining cells are "expected to
fail", and a notebook without outputs agrees with everything. The hooks below make both red, and keep a
test run away from the reader's progress.
"""

import os
import sys
import tempfile
from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile

sys.path.insert(0, str(Path(__file__).parent / "tools"))  # tests import the builder by its name
# Lessons that take long or train what others use come first: 12 and 13 start when 11 has trained their
# baseline. The rest follows, the short ones of the beginning last.
FIRST = ("11", "14", "15", "08", "16", "13", "17", "07", "12", "06", "10", "04", "03")
LENT = Path(__file__).parent / "tools" / "lent_models.py"  # absent where a test copies this file elsewhere


def pytest_configure(config):
    """Give kernels a cache of their own, no GPU, silent progress bars, and none of the user's settings."""
    under_nbval = config.option.nbval or config.option.nbval_lax
    if not under_nbval or hasattr(config, "workerinput"):  # workers of xdist inherit all of this
        return
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    os.environ.update(CI="true", CUDA_VISIBLE_DEVICES="")
    os.environ.pop("COURSE_SCOREBOARD", None)
    for variable in ("COURSE_CACHE", "IPYTHONDIR", "JUPYTER_DATA_DIR"):
        os.environ[variable] = str(Path(folder.name, variable.lower()))
    if LENT.exists():
        from lent_models import keep_models, lend_models

        lend_models(Path(os.environ["COURSE_CACHE"]))
        config.add_cleanup(lambda: keep_models(Path(os.environ["COURSE_CACHE"])))  # before the folder goes


def pytest_collection_modifyitems(items):
    """Under nbval, lessons in an order that keeps two workers busy to the end."""
    items.sort(key=lambda item: _turn(item.path.name[:2]) if isinstance(item, IPyNbCell) else (0, 0))


def _turn(lesson):
    if lesson in FIRST:
        return 0, FIRST.index(lesson)
    return 1, -int(lesson) if lesson.isdigit() else 0


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """A notebook that was never executed, or lost its outputs, is an error of collection."""
    report = yield
    if isinstance(collector, IPyNbFile) and report.passed:
        cells = [cell for cell in collector.nb.cells if cell.cell_type == "code"]
        if not any(cell.outputs for cell in cells) or any(cell.execution_count is None for cell in cells):
            report.outcome = "failed"
            report.longrepr = (
                f"{collector.path.name} has no stored outputs, or cells that were never run, so nothing "
                "can be compared; build it again: make notebooks"
            )
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    """A cell that was skipped, failed as expected or passed unexpectedly has proved nothing."""
    report = yield
    if isinstance(item, IPyNbCell) and (report.skipped or hasattr(report, "wasxfail")):
        reason = getattr(report, "wasxfail", "skipped")
        vars(report).pop("wasxfail", None)
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was not judged: {reason}"
    return report
