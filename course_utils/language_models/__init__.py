"""Text in, text out: a corpus in tokens, models that go on with a text, and how the course trains them."""
