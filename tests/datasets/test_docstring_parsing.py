"""Definitions found in source: what is documented, what the code is without it, and what is no Python."""

import ast
import os
import warnings

import pytest

from course_utils.datasets.docstring_parsing import (
    definitions,
    fingerprint,
    library_files,
    parse_source,
    split_docstring,
)
from course_utils.storage import DataError

SOURCE = b'''"""About the module."""
import os

class Box:
    """A box."""

    size = 1

    @property
    def area(self):
        """The area of the box.

        Always positive.
        """
        # squared
        return self.size ** 2

    def bare(self):
        return 1

def outer(x):
    "Does it."; y = x
    def inner():
        """Hidden."""
        return y
    return inner

if os.name:
    async def later():
        r"""Comes \\later."""
        return 0
'''


def test_kinds_names_lines_and_docstrings():
    found = [(one.kind, one.name, one.line, one.docstring) for one in definitions(SOURCE)]
    assert found == [
        ("module", "", 1, "About the module."),
        ("class", "Box", 4, "A box."),
        ("function", "Box.area", 10, "The area of the box.\n\nAlways positive."),
        ("function", "outer", 21, "Does it."),
        ("function", "later", 29, "Comes \\later."),
    ]


def test_code_is_the_source_without_any_docstring():
    code = {one.name: one.code for one in definitions(SOURCE)}
    assert code["Box.area"] == "def area(self):\n    # squared\n    return self.size ** 2"
    assert code["later"] == "async def later():\n    return 0"
    assert "inner" in code["outer"]
    assert "Hidden" not in code["outer"]
    for name in ("", "Box"):
        for said in ("About the module", "A box", "The area", "Does it"):
            assert said not in code[name]
    for name in ("Box.area", "later", "Box"):
        ast.parse(code[name])


def test_letters_beyond_ascii_do_not_shift_the_cut():
    source = 'def f(é="ü"):\n    """Gets ẞ 🌊 it."""; a = "Ω"\n    return a\n'
    for encoded in (
        source.encode(),
        b"\xef\xbb\xbf" + source.encode(),
        source.replace("\n", "\r\n").encode(),
    ):
        (only,) = definitions(encoded)
        assert only.docstring == "Gets ẞ 🌊 it."
        assert only.code == 'def f(é="ü"):\n    ; a = "Ω"\n    return a'
    latin = "# -*- coding: latin-1 -*-\ndef f():\n    '''Gets é.'''\n    return 'é'\n".encode("latin-1")
    assert definitions(latin)[0].code == "def f():\n    return 'é'"


@pytest.mark.parametrize(
    "source",
    [
        b"def f(:\n",
        b"x = '\xff'\n",
        b"x = 1\x00\n",
        b"# coding: klingon\nx = 1\n",
        b"print 'old'\n",
        b"(" * 5_000 + b")" * 5_000,
    ],
)
def test_what_is_no_python_is_a_syntax_error(source):
    with pytest.raises(SyntaxError):
        definitions(source)


def test_invalid_escapes_of_others_stay_silent():
    source = "x = '\\d'\n"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        tree, text = parse_source(source.encode())
        assert said == []
        ast.parse(source)
        assert len(said) == 1  # unless told, the parser does complain
    assert text == source
    assert tree.body[0].value.value == r"\d"


@pytest.mark.parametrize(
    ("docstring", "summary", "body"),
    [
        ("Sort a list.", "Sort a list.", ""),
        ("Sort a list. It is\nstable.\n\nMore.", "Sort a list.", "It is\nstable.\n\nMore."),
        ("Sort a\nlong list\n\nParameters\n----------", "Sort a long list", "Parameters\n----------"),
        ("Read e.g. files of v. 1.5 in one go", "Read e.g. files of v. 1.5 in one go", ""),
        ("Draw :class:`~matplotlib.lines.Line2D` with *x*.", "Draw matplotlib.lines.Line2D with x.", ""),
        ("Use ``fit`` and `score`.", "Use fit and score.", ""),
        ("zeros(shape, dtype=float)\n\nAn array of zeros.", "An array of zeros.", ""),
        ("f(x) -> Tensor\n\nApply f.\n\nx: number", "Apply f.", "x: number"),
        ("zeros(shape)", "zeros(shape)", ""),
        ("empty(\n    shape,\n)\n--\n\nMake room.", "Make room.", ""),
        ("", "", ""),
    ],
)
def test_summary_and_body(docstring, summary, body):
    assert split_docstring(docstring) == (summary, body)


def test_files_in_order_without_tests_and_copies(write_library):
    skipped = (
        "tests/test_a.py",
        "test_b.py",
        "_vendor/six.py",
        "conftest.py",
        "x/externals/y.py",
        ".git/a.py",
    )
    write_library("alpha_lib", dict.fromkeys(("b/c.py", "b/__init__.py", "a.py", *skipped), "x = 1\n"))
    assert [(file.path, file.module) for file in library_files("alpha_lib")] == [
        ("alpha_lib/__init__.py", "alpha_lib"),
        ("alpha_lib/a.py", "alpha_lib.a"),
        ("alpha_lib/b/__init__.py", "alpha_lib.b"),
        ("alpha_lib/b/c.py", "alpha_lib.b.c"),
    ]


def test_a_library_of_one_file_and_one_without_source():
    assert [file.path for file in library_files("textwrap")] == ["textwrap.py"]
    assert library_files("math") == []


def test_what_cannot_be_found_or_named():
    with pytest.raises(DataError, match="no_such_library is not installed; run make lab, or leave"):
        library_files("no_such_library")
    for name in ("os.path", "", "a b", "../x"):
        with pytest.raises(ValueError, match="as one imports it"):
            library_files(name)


def test_the_fingerprint_follows_edits(write_library):
    folder = write_library("beta_lib", {"a.py": "x = 1\n"})
    key = fingerprint(library_files("beta_lib"), version=1)
    assert fingerprint(library_files("beta_lib"), version=1) == key
    assert fingerprint(library_files("beta_lib"), version=2) != key
    files = library_files("beta_lib")
    os.utime(folder / "a.py", (1, 1))
    assert fingerprint(files, version=1) != key
    (folder / "a.py").unlink()
    assert fingerprint(files, version=1) != key
