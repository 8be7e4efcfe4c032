"""README.md and data/README.md say what is so."""

import re
import sys
from pathlib import Path

import pytest

from course_utils.datasets import authored_files
from course_utils.datasets.gensim_files import FILES
from course_utils.pretrained import files as minilm_files

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import update_readme  # noqa: E402

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_tables_are_those_of_the_notebooks_and_the_scoreboard():
    assert update_readme.updated(README) == README, "run: python tools/update_readme.py"


def test_a_changed_table_would_be_seen():
    changed = re.sub(r"\| \[01 [^|]*\|", "| [01 Counting sheep](x) |", README)
    assert changed != README
    assert update_readme.updated(changed) == README


def test_a_missing_place_for_a_table_is_named():
    with pytest.raises(ValueError, match="`scoreboard`"):
        update_readme.filled("no place", name="scoreboard", table="")


def test_links_and_pictures_of_all_documents_exist():
    for document in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "data" / "README.md"):
        targets = re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8"))
        missing = [t for t in targets if "://" not in t and not (document.parent / t).exists()]
        assert not missing, f"{document.name} points at {missing}"


def test_every_picture_in_the_readme_has_a_text():
    alts = re.findall(r"!\[(.*?)\]", README)
    assert alts
    assert all(len(alt) > 20 for alt in alts)


def test_data_readme_lists_every_file_with_its_checksum():
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `(\S+)` .*`([0-9a-f]{64})` \|$", text, re.M))
    of_minilm = {f"model/{name}": sha256 for name, sha256 in minilm_files.FILES.items()}
    authored = {f"authored/{name}": sha256 for name, sha256 in authored_files.FILES.items()}
    assert listed == {**dict(FILES.values()), **of_minilm, **authored}


def test_glossary_has_every_shape_letter_of_the_package():
    import course_utils

    letters = re.findall(r"^``(\w)``", course_utils.__doc__, re.M)
    assert len(letters) == 8
    assert all(f"| `{letter}` |" in README for letter in letters)


def test_own_data_example_runs_as_printed(tmp_path, monkeypatch):
    code = re.search(r"## Use your own data.*?```python\n(.*?)```", README, re.S)[1]
    folder = tmp_path / "my_texts"
    folder.mkdir()
    words = [f"word{chr(97 + i)}{chr(97 + j)}" for i in range(12) for j in range(12)]
    for i in range(8):
        (folder / f"{i}.txt").write_text(" ".join(words[i:] + words[:i]), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(code, "README.md", "exec"), names)  # the course's own text
    assert names["vectors"].shape == (len(names["vocabulary"]), 100)
