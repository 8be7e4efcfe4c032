"""pyproject.toml, environment.yml, the lock and the documents agree with each other."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
GIVEN = {"jupyterlab", "ipywidgets", "torch", "matplotlib", "scikit-learn", "umap-learn", "nbval"}


def requirements() -> list[str]:
    return sorted(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"])


def name_of(requirement: str) -> str:
    return re.split(r"[=<>!~ ;]", requirement)[0].lower().replace("_", "-")


def test_environment_has_the_same_dependencies_as_pyproject():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    listed = re.findall(r"^ {6}- (.+)$", text, re.M)
    assert sorted(set(listed) - {"-e ."}) == requirements()
    assert "python" + PROJECT["requires-python"] in text


def test_given_packages_are_there():
    assert {name_of(r) for r in requirements()} >= GIVEN


@pytest.mark.parametrize("requirement", requirements())
def test_lock_holds_each_dependency_as_installed(requirement):
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    versions = re.findall(rf"^{re.escape(name_of(requirement))}==(\S+)", lock, re.M)
    assert versions, f"{requirement} is not locked; run make lock"
    installed = importlib.metadata.version(name_of(requirement)).split("+")[0]
    assert installed in versions


def test_lock_names_no_gpu_library_and_no_address():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"nvidia|cuda|triton|://", lock)


@pytest.mark.parametrize("version", [(3, 8), (3, 10), (3, 14)])
def test_another_python_gets_a_sentence(version):
    code = (
        f"import sys; sys.version_info = {version}; sys.path.insert(0, 'tools'); "
        "import install; install.check_python()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_library_has_its_reason_in_contributing():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    unexplained = [r for r in map(name_of, requirements()) if not re.search(rf"`{re.escape(r)}`", text)]
    assert not unexplained


def test_each_make_target_is_explained():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", text, re.M))
    explained = set(re.findall(r"^([a-z]+):.*## ", text, re.M))
    assert {"lab", "test", "check", "notebooks", "bench"} <= explained
    assert targets == explained
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert all(f"make {target}" in done.stdout for target in explained)


@pytest.mark.parametrize("module", ["plots.svg", "explorers.base", "teaching.exercise", "datasets.wikipedia"])
def test_heavy_libraries_are_imported_lazily(module):
    code = (
        f"import sys, course_utils.{module}; "
        "print([m for m in ('umap', 'numba', 'gensim', 'torch', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
