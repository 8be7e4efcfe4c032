"""Sets of modules that files import: found in any corner of a file, kept, and never run."""

import sys

import pytest

from course_utils.datasets import imports
from course_utils.datasets.imports import LIBRARIES, imported_modules, load_imports
from course_utils.storage import DataError

SOURCE = '''
from __future__ import annotations
import os, sys as system
import xml.etree.ElementTree as tree
from . import sibling
from .. import parent
from .near import thing
"""
import in_a_docstring
"""
# import in_a_comment
try:
    import tomllib
except ImportError:
    import tomli
else:
    from json.decoder import JSONDecoder
finally:
    import gc
def f():
    with open("x") as file:
        for line in file:
            import re
        while True:
            from math import pi
    match line:
        case 1:
            import random
class A:
    from enum import Enum
    if True:
        import this_one
'''


def test_imports_of_every_corner_and_nothing_else():
    assert imported_modules(SOURCE.encode()) == {
        *("os", "sys", "xml", "tomllib", "tomli", "json", "gc", "re", "math", "random", "enum", "this_one")
    }
    with pytest.raises(SyntaxError):
        imported_modules(b"import (")


def test_own_library_broken_files_and_order(write_library, tmp_path, monkeypatch):
    write_library(
        "imp_lib",
        {
            "b.py": "import os\nimport imp_lib.a\nfrom imp_lib import c\nimport abc\n",
            "a.py": "import sys\n",
            "broken.py": "import :\n",
            "none.py": "x = 1\n",
        },
    )
    corpus = load_imports(["imp_lib"])
    assert [(file.library, file.path, file.modules) for file in corpus.files] == [
        ("imp_lib", "imp_lib/a.py", ("sys",)),
        ("imp_lib", "imp_lib/b.py", ("abc", "os")),
    ]
    assert [path for path, _ in corpus.skipped] == ["imp_lib/broken.py"]
    assert "imp_lib" not in sys.modules
    assert str(corpus) == "2 files of 1 libraries import 3 different modules"
    (kept,) = (tmp_path / "cache" / "imports").iterdir()
    whole = kept.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(imports, "_parse", lambda files: pytest.fail("the cache was not used"))
        assert load_imports(["imp_lib"]) == corpus
    for damage in (b"", whole[:-3], whole.replace(b"sys", b"syz")):
        kept.write_bytes(damage)
        assert load_imports(["imp_lib"]) == corpus
        assert kept.read_bytes() == whole


def test_what_is_missing():
    with pytest.raises(DataError, match="not_there_lib is not installed"):
        load_imports(["tqdm", "not_there_lib"])
    for bad in ([], "tqdm"):
        with pytest.raises(ValueError, match="Give a list"):
            load_imports(bad)


@pytest.mark.slow
def test_the_real_files(tmp_path, monkeypatch, recwarn):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    corpus = load_imports()
    assert load_imports() == corpus
    assert corpus.skipped == ()
    assert len(corpus.files) > 2_000
    assert {file.library for file in corpus.files} == set(LIBRARIES)
    assert all(file.library not in file.modules for file in corpus.files)
    assert not list(recwarn)
