"""Sentences in, translations out: vocabulary, model and decoding in one, and how the course trains them."""
