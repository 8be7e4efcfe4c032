"""Answers that every exercise gets, and how a verdict is compared."""


def stub(*_):
    """What a lesson's cell holds before the reader has written anything."""
    raise NotImplementedError


def assert_verdict(exercise, answer, *, status, says):
    """The checker's status, and a part of its message."""
    verdict = exercise.check(answer)
    assert verdict.status == status
    assert says in verdict.message
