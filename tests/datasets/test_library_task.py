"""Sentences with their libraries: balanced, apart, and without the answer in them."""

import numpy as np
import pytest

from course_utils.datasets.docstrings import DocstringCorpus, Documented, load_docstrings
from course_utils.datasets.library_task import LIBRARIES, MOST, NAMES, library_task


def item(library, split, number, summary=None):
    return Documented(
        kind="function",
        library=library,
        module=f"{library}.m{number}",
        name=f"f{number}",
        code="def f():\n    pass",
        summary=summary or f"Sentence {number} of {split} by {library}.",
        body="",
        split=split,
        path=f"{library}/m{number}.py",
        line=1,
    )


def corpus(per_split=70):
    items = [
        item(library, split, number)
        for library in ("first", "second")
        for split in MOST
        for number in range(per_split)
    ]
    return DocstringCorpus(tuple(items), ())


def test_at_most_so_many_of_each_with_their_own_label():
    task = library_task(corpus(), libraries=("first", "second"))
    assert {split: len(found) for split, found in task.items()} == {"train": 140, "val": 120, "test": 140}
    for split, found in task.items():
        assert len(set(found.texts)) == len(found.texts)
        for text, label in zip(found.texts, found.labels, strict=True):
            assert text.endswith(f"of {split} by {('first', 'second')[label]}.")


def test_names_of_libraries_are_hidden_in_every_way_of_writing():
    named = "Wrap a NumPy array in scikit-learn's way, as Hugging Face or np does, for the Hub."
    found = NAMES.sub("library", named)
    assert found == "Wrap a library array in library-learn's way, as library or library does, for library."
    assert NAMES.sub("library", "A snp, numpydoc and plotting") == "A snp, numpydoc and plotting"


def test_a_library_without_a_sentence():
    with pytest.raises(ValueError, match="scipy has no train sentence"):
        library_task(corpus(), libraries=("first", "scipy"))


@pytest.mark.slow
def test_the_sentences_are_those_of_lesson_08():
    docstrings = load_docstrings()
    generator, wanted = np.random.default_rng(0), {}
    for split, most in (("train", 320), ("val", 60), ("test", 150)):  # as lesson 08 draws them
        places = {name: [] for name in LIBRARIES}
        for place, one in enumerate(docstrings.items):
            if one.library in places and one.split == split:
                places[one.library].append(place)
        wanted[split] = [p for found in places.values() for p in generator.permutation(found)[:most]]
    task = library_task(docstrings)
    for split, places in wanted.items():
        assert task[split].texts == tuple(
            NAMES.sub("library", docstrings.items[place].summary) for place in places
        )
        assert [LIBRARIES[label] for label in task[split].labels] == [
            docstrings.items[place].library for place in places
        ]
