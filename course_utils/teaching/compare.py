"""Run a reader's code, compare its result with the reference's, and put the difference into words."""

from __future__ import annotations

import copy
import re
import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.plots.svg import shorten
from course_utils.teaching.page import plain

LONGEST_VALUE = 120  # characters of a value in a message
LONGEST_ERROR = 200  # and of an error's own text
ROUNDING = 1e-12  # relative; what a whole number loses on its way through floating point

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = _SHORT.maxset = 8


def show(value: object) -> str:
    """A value in a few words: rounded, shortened, without memory addresses, the same on every run."""
    try:
        text = _show(value)
    except Exception:  # a value whose own text cannot be made
        text = f"a {type(value).__name__}"
    return shorten(plain(" ".join(text.split())), length=LONGEST_VALUE)


def _show(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(show(part) for part in value[:8])}{', …' if len(value) > 8 else ''})"
    numbers = as_numbers(value)
    if numbers is None:
        return re.sub(r" at 0x[0-9a-fA-F]+", "", _SHORT.repr(value))
    if numbers.shape == ():
        return f"{numbers.item():.6g}" if numbers.dtype.kind == "f" else str(numbers.item())
    return np.array2string(
        numbers,
        threshold=20,
        edgeitems=3,
        separator=", ",
        formatter={"float_kind": "{:.5g}".format, "int_kind": str},
    )


def as_numbers(value: Any) -> np.ndarray | None:
    """A number, list, array, sparse matrix or tensor as an array; None for everything else."""
    try:
        if hasattr(value, "detach"):  # a torch tensor, without importing torch
            value = value.detach().cpu()
            value = value.float().numpy() if "bfloat16" in str(value.dtype) else value.numpy()
        elif hasattr(value, "toarray"):
            value = value.toarray()
        if isinstance(value, list | tuple) and any(hasattr(part, "detach") for part in value):
            parts = [as_numbers(part) for part in value]
            value = None if any(part is None for part in parts) else np.stack(parts)  # type: ignore[arg-type]
        if not isinstance(value, bool | int | float | complex | np.generic | np.ndarray | list | tuple):
            return None
        numbers = np.asarray(value)
    except Exception:  # ragged lists, tensors without storage, objects that only look like one
        return None
    return numbers if numbers.dtype.kind in "biufc" else None


@dataclass(frozen=True)
class Difference:
    """The first place where a value is not what was expected, in words.

    Attributes
    ----------
    expected, got : str
    where : str
        Such as " at position [0, 2]"; "" for the whole value.
    direction : str
        What may be said of `got` without giving the answer away, such as "is too low".
    tolerance : float
        Within which it would have agreed; 0 if it had to be equal.
    """

    expected: str
    got: str
    where: str = ""
    direction: str = "is not the answer"
    tolerance: float = 0.0


def compare(expected: Any, got: Any, *, tolerance: float, where: str = "") -> Difference | None:
    """Find where two values differ; None if they agree.

    Numbers agree within `tolerance` (absolute below 1, relative above), whether they come as lists,
    arrays or tensors; where whole numbers are expected they must be equal. NaN agrees with NaN.
    Everything else agrees if it is equal.
    """
    wanted, given = as_numbers(expected), as_numbers(got)
    if wanted is not None and given is not None:
        return _compare_numbers(wanted, given, tolerance=tolerance, where=where)
    if wanted is not None:
        direction = "is not a number" if wanted.shape == () else "is not an array of numbers"
        return Difference(show(expected), f"{show(got)} (a {type(got).__name__})", where, direction)
    if isinstance(expected, dict) and isinstance(got, dict):
        if set(expected) != set(got):
            return Difference(f"keyed by {show(sorted(map(str, expected)))}", show(got), where)
        pairs = [(f"{where} at key {show(key)}", expected[key], got[key]) for key in expected]
    elif _is_sequence(expected) and _is_sequence(got):
        if len(expected) != len(got):
            return Difference(f"{len(expected)} items", f"{len(got)} items", where)
        numbered = enumerate(zip(expected, got, strict=True))
        pairs = [(f"{where} at position [{place}]", one, other) for place, (one, other) in numbered]
    else:
        return None if _equal(expected, got) else Difference(show(expected), show(got), where)
    found = (compare(one, other, tolerance=tolerance, where=place) for place, one, other in pairs)
    return next((difference for difference in found if difference is not None), None)


def _compare_numbers(
    wanted: np.ndarray, given: np.ndarray, *, tolerance: float, where: str
) -> Difference | None:
    if wanted.shape != given.shape:
        return Difference(_say_shape(wanted), _say_shape(given), where)
    tolerance = 0.0 if wanted.dtype.kind in "biu" else tolerance
    near = (given == wanted) | (np.isnan(given) & np.isnan(wanted))
    exact = wanted.dtype.kind in "biu" and given.dtype.kind in "biu"
    off = np.abs(_subtract(given, wanted))
    if not exact:
        scale = np.where(np.isfinite(wanted), np.maximum(1.0, np.abs(wanted)), 0)  # nothing is near infinity
        near |= off <= (tolerance + ROUNDING) * scale
    if near.all():
        return None
    place = tuple(int(index) for index in np.argwhere(~near)[0])
    expected, got = show(wanted[place]), show(given[place])
    if expected == got:
        got += f", off by {off[place]:.2g}"
    at = f"{where} at position {list(place)}" if place else where
    direction = _say_direction(wanted[place], given[place])
    return Difference(expected, got, at, direction=direction, tolerance=tolerance)


def _subtract(given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", over="ignore"):  # infinity minus infinity is no news
        return np.subtract(given, wanted, dtype=np.result_type(given, wanted, float))


def _say_direction(wanted: Any, given: Any) -> str:
    if isinstance(wanted, np.bool_ | np.complexfloating) or isinstance(given, np.complexfloating):
        return Difference.direction
    return "is too low" if given < wanted else "is too high" if given > wanted else Difference.direction


def _say_shape(numbers: np.ndarray) -> str:
    return f"an array of shape {numbers.shape}" if numbers.shape else f"the single number {show(numbers)}"


def _is_sequence(value: object) -> bool:
    return isinstance(value, list | tuple | np.ndarray)


def _equal(expected: object, got: object) -> bool:
    try:
        return bool(expected == got)
    except Exception:  # an answer whose comparison fails or gives no yes or no
        return False


@dataclass(frozen=True)
class Outcome:
    """What a function did with an input: it gave a `value` or raised an `error`."""

    value: Any = None
    error: BaseException | None = None

    def is_stub(self) -> bool:
        """Whether this is what a function gives that nobody has written yet."""
        return isinstance(self.error, NotImplementedError) or (self.error is None and is_stub(self.value))


def is_stub(value: object) -> bool:
    """Whether a value is what stands in a lesson before the reader has written anything."""
    return value is None or value is Ellipsis or value is NotImplemented


def run(function: Callable[..., Any], arguments: tuple) -> Outcome:
    """Call a function on copies of the arguments; what it raises is part of the outcome."""
    copies = copy.deepcopy(arguments)
    try:
        return Outcome(function(*copies))
    except (Exception, SystemExit) as error:
        return Outcome(error=error)


def say_difference(expected: Outcome, got: Outcome, *, arguments: tuple, tolerance: float) -> str | None:
    """Why one outcome is not as the other, with the input; None if they agree."""
    given = f"for input {show(arguments[0] if len(arguments) == 1 else arguments)}"
    wanted = type(expected.error).__name__
    if got.error is not None:
        if expected.error is not None and isinstance(got.error, type(expected.error)):
            return None
        return f"it raised {_say_error(got.error)} {given}"
    if expected.error is not None:
        return f"{given} it should raise {wanted}, and it returns {show(got.value)}"
    found = compare(expected.value, got.value, tolerance=tolerance)
    if found is None:
        return None
    said = f"the result{found.where} should be {found.expected}, and it is {found.got}"
    return f"{given} {said}" + (f" (tolerance {found.tolerance:g})" if found.tolerance else "")


def _say_error(error: BaseException) -> str:
    try:
        text = " ".join(str(error).split())
    except Exception:  # an error whose own text cannot be made
        text = ""
    name = type(error).__name__
    return f"{name}: {shorten(plain(text), length=LONGEST_ERROR)}" if text else name
