"""Search by keywords, by vectors, and by both.

All indexes answer alike. `search(query, k)` gives the best documents, `search_many(queries, k=k)` the same
for many queries, `why(query, i)` what speaks for document i.

What a query may be: 1 to 1,000 words. A text without any letter or digit, or a longer one, is refused with a
ValueError. Markup is text like any other. A query of which an index knows no word is a query without hits.
"""

from course_utils.search.fusion import HybridIndex, reciprocal_rank_fusion
from course_utils.search.hits import Hits, Index
from course_utils.search.keywords import KeywordIndex, search_terms
from course_utils.search.nearest import VectorIndex

__all__ = [
    "Hits",
    "HybridIndex",
    "Index",
    "KeywordIndex",
    "VectorIndex",
    "reciprocal_rank_fusion",
    "search_terms",
]
