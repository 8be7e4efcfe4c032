"""The corpus of code and documentation: filters, duplicates, splits, cache, and files that are no Python."""

import json
import sys
from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from lent_models import keep_models

from course_utils.datasets import docstrings
from course_utils.datasets.docstrings import (
    LIBRARIES,
    DocstringCorpus,
    Documented,
    assign_splits,
    is_wanted,
    load_docstrings,
    name_words,
    without_duplicates,
)
from course_utils.storage import DataError

ITEM = Documented(
    kind="function",
    library="lib",
    module="lib.a",
    name="Series.plot_lines",
    code="def plot_lines(x):\n    y = x + 1\n    return y",
    summary="Draw one line for each column of the table.",
    body="",
    split="",
    path="lib/a.py",
    line=3,
)
LONG = "def {name}(first, second):\n" + "".join(f"    value_{i} = first + {i} * second\n" for i in range(30))


def function(name, *, summary, lines=3, start=0):
    body = "".join(f"    step_{start + i} = x * {start + i}\n" for i in range(lines))
    return f'def {name}(x):\n    """{summary}"""\n{body}    return x\n\n'


def many(prefix, *, n, start=0):
    """A module with n functions unlike all others."""
    return "".join(
        function(
            f"{prefix}_{i}", summary=f"Number {prefix} {'i' * (i + 1)} of the shelf.", start=start + 10 * i
        )
        for i in range(n)
    )


def test_items_and_skipped_files(write_library):
    write_library(
        "gamma_lib",
        {
            "good.py": function("first_thing", summary="Turn the big wheel once.", lines=2),
            "broken.py": "def f(:\n",
            "binary.py": b"\x00\x01\xff",
            "escape.py": function("g", summary="Match a digit with \\d here."),
        },
    )
    corpus = load_docstrings(["gamma_lib"])
    assert [(item.name, item.module, item.path, item.line) for item in corpus.items] == [
        ("g", "gamma_lib.escape", "gamma_lib/escape.py", 1),
        ("first_thing", "gamma_lib.good", "gamma_lib/good.py", 1),
    ]
    assert corpus.items[1].code == "def first_thing(x):\n    step_0 = x * 0\n    step_1 = x * 1\n    return x"
    assert [path for path, _ in corpus.skipped] == ["gamma_lib/binary.py", "gamma_lib/broken.py"]
    assert all(reason.startswith("not Python: ") for _, reason in corpus.skipped)
    assert "gamma_lib" not in sys.modules
    assert str(corpus) == "2 items of 1 libraries; 2 files skipped"


def test_an_unreadable_file_is_reported(write_library):
    folder = write_library("delta_lib", {"a.py": function("f", summary="Turn the big wheel once.")})
    (folder / "b.py").symlink_to(folder / "nowhere.py")
    corpus = load_docstrings(["delta_lib"])
    assert len(corpus.items) == 1
    assert corpus.skipped == (("delta_lib/b.py", "not readable: No such file or directory"),)


def test_what_is_missing_or_unknown():
    with pytest.raises(DataError, match="not_there_lib is not installed"):
        load_docstrings(["not_there_lib"])
    for bad in ({"libraries": []}, {"libraries": "numpy"}, {"libraries": ["json"], "kinds": ("method",)}):
        with pytest.raises(ValueError, match="Give a list of libraries"):
            load_docstrings(**bad)
    with pytest.raises(ValueError, match="one of train, val, test"):
        DocstringCorpus((), ()).split("dev")


def test_kinds(write_library):
    source = '"""All about wheels and axles."""\n'
    source += 'class Wheel:\n    """A wheel that can be turned."""\n    a = 1\n    b = 2\n'
    write_library("kinds_lib", {"a.py": source + function("f", summary="Turn the big wheel once.")})
    found = load_docstrings(["kinds_lib"], kinds=("function", "class", "module")).items
    assert Counter(item.kind for item in found) == {"function": 1, "class": 1, "module": 1}
    assert [item.kind for item in load_docstrings(["kinds_lib"], kinds=("class",)).items] == ["class"]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, True),
        ({"summary": "Draw three lines."}, False),
        ({"summary": "word " * 41}, False),
        ({"code": "def f(x):\n    return x"}, False),
        ({"summary": "Plot the lines of columns."}, True),
        ({"summary": "Plot the lines of series."}, False),
        ({"summary": "Plot the lines."}, False),
        ({"summary": "Return the plot of the lines.", "name": "plot_lines"}, False),
        ({"summary": "Нарисовать одну линию для каждого столбца"}, False),
        ({"summary": "See the other function for details."}, False),
        ({"summary": "Deprecated, use something else now."}, False),
        ({"summary": "Parameters ---------- x : float number of"}, False),
        (
            {"code": "def f(x):\n    # draw one line for  each\n    y = 2 * x  # column of\n    return y"},
            True,
        ),
        ({"code": "def f(x):\n    print('Draw one line for each column of the table')\n    y = 2\n"}, False),
        ({"summary": ".. deprecated:: since the first version"}, False),
    ],
)
def test_filters(change, wanted):
    assert is_wanted(replace(ITEM, **change)) == wanted


def test_words_of_a_name():
    assert name_words("LinearSVC.fit_transform") == ["linear", "svc", "fit", "transform"]
    assert name_words("_HTTPServer2.getURL") == ["http", "server", "get", "url"]


def test_duplicates_by_code_or_summary_keep_the_first():
    same_code = replace(
        ITEM, name="other", code=ITEM.code.replace("plot_lines", "draw").replace(" + ", "+"), summary="A."
    )
    same_summary = replace(
        ITEM, code="def g():\n    return 7", summary=ITEM.summary.upper().replace(" ", "  ")
    )
    different = replace(ITEM, code="def g():\n    return 8", summary="Quite another thing.")
    assert without_duplicates([ITEM, same_code, same_summary, different]) == [ITEM, different]
    as_class = replace(ITEM, kind="class")
    assert without_duplicates([ITEM, as_class]) == [ITEM, as_class]


def planted():
    """Sixty modules of three libraries; a long function of one is repeated, but for a word, in others."""
    items = [
        replace(ITEM, library=f"lib{i % 3}", module=f"lib{i % 3}.m{i}", code=f"def f{i}():\n    return {i}")
        for i in range(60)
    ]
    for first, *others in COPIES:
        for place in (first, *others):
            code = LONG.format(name=f"f{place}").replace("first", f"first{first}")
            items[place] = replace(items[place], code=code)
    return items


COPIES = [(0, 31, 50), (7, 23), (11, 44), (2, 58)]


def test_a_near_copy_ties_modules_across_libraries():
    found = assign_splits(planted())
    for group in COPIES:
        assert len({found[place].split for place in group}) == 1
    assert assign_splits(planted()) == found
    assert {item.split for item in found} == {"train", "val", "test"}


def test_without_the_search_for_copies_they_would_part(monkeypatch):
    monkeypatch.setattr(docstrings, "find_near_copies", lambda texts: [])
    found = assign_splits(planted())
    assert any(len({found[place].split for place in group}) > 1 for group in COPIES)


@pytest.mark.parametrize("modules", [3, 4, 8, 50])
def test_every_library_is_in_every_split_and_shares_are_kept(modules):
    items = [
        replace(
            ITEM,
            library=library,
            module=f"{library}.m{i % modules}",
            code=f"def {library}{i}():\n    return {i}",
        )
        for library in ("one", "two")
        for i in range(200)
    ]
    found = assign_splits(items)
    for library in ("one", "two"):
        counts = Counter(item.split for item in found if item.library == library)
        assert set(counts) == {"train", "val", "test"}
        if modules == 50:
            assert counts["train"] == pytest.approx(130, abs=6)
            assert counts["test"] == pytest.approx(46, abs=6)
    by_module = defaultdict(set)
    for item in found:
        by_module[item.module].add(item.split)
    assert all(len(splits) == 1 for splits in by_module.values())


def test_the_cache_gives_the_same_and_a_damaged_one_is_made_again(write_library, tmp_path, monkeypatch):
    folder = write_library(
        "eps_lib", {f"m{i}.py": many(f"shelf{'x' * i}", n=3, start=100 * i) for i in range(4)}
    )
    fresh = load_docstrings(["eps_lib"])
    (kept,) = (tmp_path / "cache" / "docstrings").iterdir()
    whole = kept.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(docstrings, "_parse", lambda *a, **k: pytest.fail("the cache was not used"))
        assert load_docstrings(["eps_lib"]) == fresh
    for damage in (b"", whole[:-40], whole.replace(b"shelf", b"shelg", 1), b"\x00" * 100, b"[]\n[]"):
        kept.write_bytes(damage)
        assert load_docstrings(["eps_lib"]) == fresh
        assert kept.read_bytes() == whole
    (folder / "m9.py").write_text(many("drawer", n=1, start=900))
    assert len(load_docstrings(["eps_lib"]).items) == len(fresh.items) + 1


def test_a_cache_that_cannot_be_written_only_costs_time(write_library, tmp_path, monkeypatch):
    write_library("zeta_lib", {"a.py": function("f", summary="Turn the big wheel once.")})
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file" / "below"))
    assert len(load_docstrings(["zeta_lib"]).items) == 1


@pytest.mark.slow
def test_the_real_corpus(tmp_path, monkeypatch, recwarn):
    """Fresh and from the cache alike, in order, with every library in every split; nothing gets imported."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    before = set(sys.modules)
    corpus = load_docstrings()
    assert load_docstrings() == corpus
    assert not {"jupyter_server", "prompt_toolkit.layout", "mpmath.calculus"} & (set(sys.modules) - before)
    assert not list(recwarn)
    assert len(corpus.items) >= 10_000
    assert corpus.skipped == ()
    order = [(LIBRARIES.index(item.library), item.path, item.line) for item in corpus.items]
    assert order == sorted(order)
    for library in LIBRARIES:
        assert {item.split for item in corpus.items if item.library == library} == {"train", "val", "test"}
    shares = Counter(item.split for item in corpus.items)
    assert shares["train"] / len(corpus.items) == pytest.approx(0.65, abs=0.02)
    assert shares["test"] + shares["val"] >= 5_000
    splits = {(item.library, item.module): item.split for item in corpus.items}
    assert all(splits[item.library, item.module] == item.split for item in corpus.items)
    assert not [item for item in corpus.items if item.summary.rstrip(".") in item.code]
    json.dumps(corpus.skipped)
    keep_models(tmp_path)  # lessons of the same test run read it there
