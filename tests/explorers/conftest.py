"""A small corpus whose numbers a test can work out for itself."""

import numpy as np
import pytest
from scipy import sparse

from course_utils.text.vocab import Vocabulary

WORDS = ["sea", "ocean", "boat", "court", "judge", "law"]


@pytest.fixture(scope="session")
def vocabulary():
    documents = [[word] * (20 - 3 * i) for i, word in enumerate(WORDS)]
    return Vocabulary.from_documents(documents, min_count=1)


@pytest.fixture(scope="session")
def vectors():
    return np.random.default_rng(0).normal(size=(len(WORDS), 4)).astype(np.float32)


@pytest.fixture(scope="session")
def counts():
    rng = np.random.default_rng(1)
    found = {}
    for window in (1, 2, 5):
        half = rng.poisson(window, size=(len(WORDS), len(WORDS)))
        found[window] = sparse.csr_matrix((half + half.T).astype(np.float32))
    return found
