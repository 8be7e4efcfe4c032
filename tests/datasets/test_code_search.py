"""The search task: which documents, which queries, and the name that can be hidden."""

from dataclasses import replace

import numpy as np
import pytest

from course_utils.datasets.code_search import MOST_QUERIES, code_search_task, document_text
from course_utils.datasets.docstrings import DocstringCorpus, Documented

ITEM = Documented(
    "function",
    "lib",
    "lib.m",
    "Box.fit",
    "def fit(x):\n    return fit(x - 1) + refit(x)",
    "Fit it.",
    "",
    "val",
    "p",
    1,
)


def corpus(*, train, val, test):
    items = [
        replace(
            ITEM,
            name=f"f{i}",
            module=f"lib.m{i % 7}",
            summary=f"Say {i}.",
            code=f"def f{i}(): {i}",
            split=split,
        )
        for i, split in enumerate(["train"] * train + ["val"] * val + ["test"] * test)
    ]
    items.append(replace(ITEM, kind="class", split="test"))
    return DocstringCorpus(tuple(items[::-1]), ())


def test_every_query_has_its_own_function_and_none_is_of_train():
    task = code_search_task(corpus(train=5, val=9, test=11))
    assert len(task.documents) == len(task.texts) == 20
    assert {item.split for item in task.documents} == {"val", "test"}
    for split, size in (("val", 9), ("test", 11)):
        assert len(task.queries[split]) == len(task.relevant[split]) == size
        for query, row in zip(task.queries[split], task.relevant[split], strict=True):
            assert task.documents[row].summary == query
            assert task.documents[row].split == split
            assert task.texts[row] == task.documents[row].code
    assert str(task) == "20 documents; 9 val queries, 11 test queries"


def test_the_choice_of_queries_hardly_changes_when_documents_come(monkeypatch):
    monkeypatch.setitem(MOST_QUERIES, "test", 50)
    small, large = (code_search_task(corpus(train=0, val=1, test=n)) for n in (200, 210))
    assert len(small.queries["test"]) == len(large.queries["test"]) == 50
    assert len(set(small.queries["test"]) & set(large.queries["test"])) >= 42
    assert code_search_task(corpus(train=0, val=1, test=200)).queries == small.queries
    assert np.all(np.diff(small.relevant["test"]) > 0)


def test_the_own_name_is_hidden_wherever_it_stands_as_a_word():
    assert document_text(ITEM) == ITEM.code
    assert document_text(ITEM, own_name=False) == "def function(x):\n    return function(x - 1) + refit(x)"
    method = replace(ITEM, name="Box.fit.deep", code="def deep(deeper): deep.fit")
    assert document_text(method, own_name=False) == "def function(deeper): function.fit"
    hidden = code_search_task(corpus(train=0, val=2, test=2), own_name=False)
    assert all(text.startswith("def function()") for text in hidden.texts)


@pytest.mark.parametrize("sizes", [(3, 0, 3), (3, 3, 0), (3, 0, 0)])
def test_a_corpus_without_val_or_test(sizes):
    found = corpus(**dict(zip(("train", "val", "test"), sizes, strict=True)))
    functions = DocstringCorpus(tuple(item for item in found.items if item.kind == "function"), ())
    with pytest.raises(ValueError, match="no (val|test) function"):
        code_search_task(functions)
