"""Models, metrics and explorers of the course *From counting words to transformers*.

Shape letters, used in every comment and docstring:

======  =====================================================
``B``   batch: how many examples at once
``T``   target length, or the length of a single sequence
``S``   source length
``C``   model width: numbers per token
``H``   attention heads
``D``   head width, or the dimension of a word vector
``V``   vocabulary: how many different tokens
``K``   negatives, or neighbours
======  =====================================================

Words with one meaning each: a *token* is an id, a *piece* its text, a *text* a ``str``; a *vector*
stands for a word or text; *neighbours* are the vectors nearest to one; an *alignment* says which
source word a target word translates; *weights* belong to attention, *parameters* to a model.
"""

__version__ = "0.1.0"
