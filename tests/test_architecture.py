"""The drawing of rooms in CONTRIBUTING.md is true: who may import whom inside the package."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "course_utils"
DRAWING = re.search(r"```rooms\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.S)[1]
RULES = {
    room.strip(): {name.strip() for name in right.split(",")} - {"nothing"}
    for left, right in re.findall(r"^(.+?)→(.+)$", DRAWING, re.M)
    for room in left.split(",")
}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """`course_utils.plots.svg` lives in `plots`; the package's own file in `course_utils`."""
    return module.split(".")[1] if "." in module else module


def imported_rooms(source: str) -> set[str]:
    """Rooms of the course that a source imports, at any depth of the code."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write imports in full, not relative"
            base = node.module or ""
            names |= {f"{base}.{a.name}" for a in node.names} if base == "course_utils" else {base}
    return {
        room_of(name) for name in names if name.split(".")[0] == "course_utils" and name != "course_utils"
    }


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_follow_the_drawing(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room == "__init__":
        assert imported_rooms(path.read_text(encoding="utf-8")) == set()
        return
    assert room in RULES, f"{room} is not in the drawing; add it to CONTRIBUTING.md on purpose"
    forbidden = imported_rooms(path.read_text(encoding="utf-8")) - RULES[room] - {room}
    assert not forbidden, f"{room} may import {sorted(RULES[room]) or 'nothing'}, not {sorted(forbidden)}"


def test_a_forbidden_import_would_be_seen():
    assert imported_rooms("def f():\n    from course_utils.explorers.base import Explorer") == {"explorers"}
    assert imported_rooms("import course_utils.plots.svg, numpy") == {"plots"}
    assert imported_rooms("from course_utils import runtime") == {"runtime"}
    assert "explorers" not in RULES["plots"]


@pytest.mark.parametrize("path", sorted((PACKAGE / "plots").glob("*.py")), ids=lambda p: p.name)
def test_plots_never_import_torch_or_pyplot(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    imported += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    assert not [name for name in imported if name.split(".")[0] == "torch" or "pyplot" in name]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_no_pyplot_output_or_interact_in_the_package(path):
    names = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute | ast.Name)
    }
    assert not names & {"pyplot", "plt", "Output", "interact", "interactive_output", "pickle"}
