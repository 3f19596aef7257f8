"""Whether calls depend on one another: an implementation writes to its arguments, or keeps something from call to call.

For the second, calls are made in sizes that it has hardly seen: what is right there at first, and wrong later, is wrong for
what came between.
"""

import random
import time
import warnings
from contextlib import suppress
from dataclasses import replace
from itertools import islice, pairwise
from typing import Any

import numpy as np

from verification.cases import Case
from verification.diagnosis.likeness import RIGHT, due
from verification.diagnosis.reading import Small
from verification.diagnosis.results import Result, run
from verification.diagnosis.samples import samples
from verification.implementation import Implementation

IMAGES = 3
TIMES = range(19, 80)  # as many filters, or channels of a pool: one of these, by chance
ATTEMPTS = 3  # at a size for which nothing is kept yet
OTHERS = 8  # calls in between
IDS = 20_000
SAME = "The same call, made twice in a row on the same arrays, gives two results"
UNSET = "The result changes with what was in memory before: an array (from np.empty, say) is used before it is set."
UNSTEADY = "The same call, on the same arrays, gives different results: by random numbers, threads, or memory that is not set?"


def writes(implementation: Implementation, case: Case) -> str:
    """Return to which of its arguments a call writes, in a sentence."""
    mine = _copied(case)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        with suppress(Exception):
            implementation(mine)
    names = [n for n in _arrays(case) if not Result((mine.arguments[n],)).alike(Result((_copied(case).arguments[n],)))]
    return f"It writes to {' and '.join(names)}, which the caller still needs: the next call is given other numbers." * bool(
        names
    )


def unset(implementation: Implementation, case: Case, right: Result) -> str:
    """Return a sentence if results follow what is left in the memory that is given for them."""
    found = []
    for number in (np.nan, 0, np.nan, 0):
        for array in right.arrays:
            fill = 77 if array.dtype.kind in "iu" and number != 0 else number
            left = [np.full(array.size, fill, array.dtype) for _ in range(8)]
            del left
        found.append(run(implementation, case))
    first, second, third, fourth = found
    if first is None or second is None or third is None or fourth is None:
        return ""
    return UNSET if first.alike(third) and second.alike(fourth) and not first.alike(second) else ""


def unsteady(implementation: Implementation, case: Case) -> str:
    """Return a sentence if the same call gives different results."""
    found = [run(implementation, case) for _ in range(5)]
    return UNSTEADY if any(a is not None and b is not None and not a.alike(b) for a, b in pairwise(found)) else ""


def keeping(implementation: Implementation, small: Small, dtype: np.dtype[Any], deadline: float) -> str:
    """Return what an implementation keeps between calls, in a sentence; "" if none of these calls shows that it does."""
    taken = [np.empty(1) for _ in range(IDS)]  # ids of arrays that are gone, of which something may be kept
    for times in random.sample(TIMES, ATTEMPTS):
        first, second = (numbered(unseen(small, times), dtype, seed) for seed in (0, 1))
        if _wrong(implementation, first) is None:
            break
    else:
        return ""  # it is wrong from the start
    if _wrong(implementation, first) is not None:
        return f"{SAME}, the first one right: something is kept between calls, or memory is used that nobody has set."
    sentence = _other_numbers(implementation, first, second)
    if sentence is None and time.monotonic() < deadline:
        sentence = _changed_in_place(implementation, first, second) or _other_calls(implementation, first, second)
    del taken
    return sentence or ""


def _other_numbers(implementation: Implementation, first: Case, second: Case) -> str | None:
    """Call with other arrays of the same sizes; return ``None`` if the result is right, "" if what was before plays no part."""
    got = _wrong(implementation, second)
    if got is None:
        return None
    before, right = (run(RIGHT, due(implementation, case)) for case in (first, second))
    if before is None or right is None:
        return ""
    start = "Two calls of the same sizes, and the second"
    if got.alike(before):
        return f"{start} gives the result of the first: what is kept between calls is known by its sizes alone."
    for name in _arrays(first):
        if _gives(implementation, got, {**second.arguments, name: first.arguments[name]}, second):
            return f"{start} is made with the {name} of the first: what is kept between calls is known by its sizes alone."
    if got.error is None and len(got.arrays) == len(right.arrays):
        sums = Result(tuple(a + b for a, b in zip(before.arrays, right.arrays, strict=True)))
        if got.alike(sums):
            return f"{start} is added to the result of the first: what adds up in memory must start from 0 in each call."
    again = run(implementation, second)  # if it is as wrong after itself, what was before does not matter
    return "" if again is None or again.alike(got) else f"{start} is wrong: the first has left something behind."


def _changed_in_place(implementation: Implementation, first: Case, second: Case) -> str:
    """Call twice with the same arrays, one of which has got other numbers in between."""
    held = []  # so that no array gets the address of another
    for name in _arrays(first):
        case, anew = _copied(first), _copied(first)
        held += [case, anew]
        run(implementation, case)
        case.arguments[name][...] = anew.arguments[name][...] = second.arguments[name]
        if (got := _wrong(implementation, case)) is not None and _wrong(implementation, anew) is None:
            stale = _gives(implementation, got, first.arguments, first)
            gives = "still gives the result for the old ones" if stale else "gives a wrong result"
            return (
                f"After other numbers were written to {name}, the same call {gives}: it seems to keep results between calls "
                f"(a cache keyed by id(), or by an address?). Once an array is gone, another may get its id."
            )
    return ""


def _other_calls(implementation: Implementation, first: Case, second: Case) -> str:
    """Call with other sizes and options in between."""
    for call in islice(samples(first.operation), OTHERS):
        run(implementation, call)
    if _wrong(implementation, first) is None and _wrong(implementation, _copied(second)) is None:
        return ""
    return "After calls of other sizes, and with other options, the same call gives another result: something of them is kept."


def unseen(small: Small, times: int) -> Small:
    """Return a geometry with so many times the channels or filters."""
    if len(small.weight) == 2:
        return small._replace(image=(times, *small.image[1:]), result=(times, *small.result[1:]))
    axis, weight = int(small.operation.startswith("conv_transpose2d")), list(small.weight)
    weight[axis] *= times
    return small._replace(weight=tuple(weight), result=(small.result[0] * times, *small.result[1:]))


def numbered(small: Small, dtype: np.dtype[Any], seed: int) -> Case:
    """Return a call with small whole numbers, no maximum twice in a window."""
    rng = np.random.default_rng(seed)
    x = rng.permuted(np.arange(IMAGES * int(np.prod(small.image))).reshape(IMAGES, -1) % 97, axis=1) + 1
    x = x.reshape(IMAGES, *small.image)
    weight = None if len(small.weight) == 2 else rng.integers(1, 4, small.weight)
    if weight is not None:
        x = x % 5
    primary = x if small.primary == "x" else rng.integers(1, 5, (IMAGES, *small.result))
    case = small.case(primary, weight, x)
    given = {name: v.astype(dtype) if isinstance(v, np.ndarray) else v for name, v in case.arguments.items()}
    return replace(case, arguments=given)


def _wrong(implementation: Implementation, case: Case) -> Result | None:
    """Return what the implementation gives for a call if that is wrong; if it is not, or cannot be told, ``None``."""
    got, right = run(implementation, case), run(RIGHT, due(implementation, case))
    if got is None or right is None:
        return None
    if got.error is None and implementation.error_class(case.operation) != "gamma":
        got = Result(tuple(np.rint(v) if v.dtype.kind in "fc" else v for v in got.arrays))
    return None if got.alike(right) else got


def _gives(implementation: Implementation, got: Result, arguments: Any, case: Case) -> bool:
    """Return whether these arguments would rightly give what was got."""
    right = run(RIGHT, due(implementation, replace(case, arguments=arguments)))
    return right is not None and got.alike(right)


def _arrays(case: Case) -> list[str]:
    return [name for name, value in case.arguments.items() if isinstance(value, np.ndarray)]


def _copied(case: Case) -> Case:
    return replace(case, arguments={n: v.copy() if isinstance(v, np.ndarray) else v for n, v in case.arguments.items()})
