"""Ties: which of several equal maxima a max pooling takes, and which of several NaN.

The contract has the first maximum in row-major order, and the last NaN. A function that takes the contract's own ``rounding``
is held to that in its indices. Any other may take any of them, as long as it points at one inside the window, and what it
takes is reported; so is where a gradient goes, which may also be shared, or given whole to each. Of NaN it may go nowhere,
or become NaN itself (a mask of what equals the maximum is empty), but never go to a number.

Letters: H×W pixels, P×Q windows; m an image of the batch, p a pixel, w a window.
"""

from typing import Any

import numpy as np

from contract import Array
from verification.cases import Case
from verification.checks import taps
from verification.checks.calls import Function
from verification.checks.pool_probes import PEAK, blind, windows
from verification.checks.taps import Plane, plain
from verification.compare import first, same_shape
from verification.implementation import Implementation, UnsupportedError
from verification.outcome import Failure, Log

INDICES = "of equal maxima, indices take"
GRADIENT = "of equal maxima, the gradient goes to"
NAN = "the gradient of a window with NaN goes to"


def ties(implementation: Implementation, operation: str, log: Log) -> None:
    """Pool planes with few values, or several NaN, and see which of equal maxima is taken."""
    function = Function(implementation, operation, log)
    if operation == "max_pool2d" and "return_indices" not in function.able.options:
        raise UnsupportedError("return_indices")
    for plane in taps.pool_footprint_planes(True):
        try:
            (gradients if operation.endswith("_backward") else indices)(function, plane)
        except UnsupportedError:
            continue  # the form is in the log already


def indices(function: Function, plane: Plane) -> None:
    """Judge the indices of max pooling."""
    x = images(plane, lowest=True)
    maxima = largest(plane, x)  # (m, p, w)
    early, late = maxima.argmax(1), maxima.shape[1] - 1 - maxima[:, ::-1].argmax(1)
    has_nan = (np.isnan(x)[:, :, np.newaxis] & windows(plane)).any(1)
    due = np.where(has_nan, late, early).reshape(-1, 1, *plane.windows)
    case = _case(function, plane, {"x": x.reshape(-1, 1, *plane.size)}, {"return_indices": True})
    got = function(case)[1]
    same_shape(case, due.shape, got, "indices", due)
    held = function.implementation.held(function.operation)
    inside = (got >= 0) & (got < maxima.shape[1])
    there = np.where(inside, got, 0).astype(np.int64).reshape(len(x), 1, -1)
    right = got == due if held else inside & np.take_along_axis(maxima, there, 1).reshape(due.shape)
    if not (right | blind(plane)).all():
        index = first(~(right | blind(plane)))
        rule = "the first of the equal maxima in its window, or the last NaN" if held else "one of the maxima in its window"
        message = f"indices{list(index)} should be that of {rule}, {due[index]}, got {got[index]}"
        raise Failure(message, case, expected=due, got=got, index=index)
    function.log.saw(due)
    several = (maxima.sum(1) > 1) & ~has_nan
    _note(function, INDICES, {"the first": early, "the last": late}, got.reshape(early.shape), several)


def gradients(function: Function, plane: Plane) -> None:
    """Judge where the gradient of each window goes, one window with a gradient to an image."""
    if blind(plane).any():
        return  # PyTorch, for one, does not take a window without a pixel
    held = function.implementation.held(function.operation)  # for others, padding of -inf may win against pixels of -inf
    x, n = images(plane, lowest=held), int(np.prod(plane.windows))
    maxima = largest(plane, x).swapaxes(1, 2)  # (m, w, p)
    has_nan = (np.isnan(x)[:, np.newaxis] & maxima).any(2, keepdims=True)  # (m, w, 1)
    grad = np.tile(np.eye(n) * PEAK, (len(x), 1)).reshape(-1, 1, *plane.windows)
    images_of = np.repeat(x, n, 0).reshape(-1, 1, *plane.size)
    case = _case(function, plane, {"grad_output": grad, "x": images_of}, {})
    shape = (*images_of.shape,)
    (result,) = function(case)
    same_shape(case, shape, result, "grad_x")
    places = np.arange(maxima.shape[2])
    ways = {
        "the first": PEAK * (places == maxima.argmax(2)[..., np.newaxis]),
        "the last": PEAK * (places == places[-1] - maxima[..., ::-1].argmax(2)[..., np.newaxis]),
        "all, in shares": PEAK * maxima / maxima.sum(2, keepdims=True),
        "all, to each the whole": PEAK * maxima,
    }
    got, due = result.reshape(maxima.shape), np.where(has_nan, ways["the last"], ways["the first"])
    if function.implementation.strict:
        right = got == due
    else:
        share = abs(got.sum(2, keepdims=True) - PEAK) <= np.finfo(got.dtype).eps * PEAK * maxima.shape[2]
        nowhere = has_nan & ~got.any(2, keepdims=True)
        right = np.where(maxima, share | nowhere | (got == PEAK), got == 0)
        spoiled = np.einsum("pw,mwo->mop", windows(plane), has_nan) > 0  # (m, 1, p): shares of none are 0 / 0
        right = np.where(np.isnan(got).any(2, keepdims=True), np.where(np.isnan(got), spoiled, maxima | (got == 0)), right)
    if not right.all():
        index, due = first(~right.reshape(shape)), due.reshape(shape)
        rule = (
            "the first of the equal maxima, or the last NaN" if function.implementation.strict else "the maxima, or one of them"
        )
        message = f"a window's gradient should go to {rule}: grad_x{list(index)} should be {due[index]}, got {result[index]}"
        raise Failure(message, case, expected=due, got=result, index=index)
    function.log.saw(due)
    clean = np.broadcast_to(~np.isnan(got).any(2, keepdims=True), got.shape)
    _note(function, GRADIENT, ways, got, clean & (maxima.sum(2, keepdims=True) > 1) & ~has_nan)
    _note(function, NAN, ways | {"nowhere": np.zeros_like(got)}, got, clean & has_nan)
    if not clean.all():
        function.log.policies[NAN] = "NaN"


def images(plane: Plane, *, lowest: bool) -> Array:
    """Return planes that are constant (-inf, too, where ``lowest``), or hold two values, or several NaN, (m, H*W)."""
    n, rng = int(np.prod(plane.size)), np.random.default_rng(0)
    two = rng.integers(0, 2, (4, n)).astype(np.float64)
    holes = np.where(rng.integers(0, 3, (4, n)) > 0, two, np.nan)
    return np.vstack([np.full((1, n), -3.0), two, *([np.full((1, n), -np.inf)] if lowest else []), holes])


def largest(plane: Plane, x: Array) -> Array:
    """Return which pixels are the largest of a window, or NaN in it, (m, p, w)."""
    under = np.where(windows(plane), x[:, :, np.newaxis], -np.inf)
    return np.asarray(windows(plane) & ((under == under.max(1, keepdims=True)) | np.isnan(under)))


def _case(function: Function, plane: Plane, arrays: dict[str, Array], option: dict[str, Any]) -> Case:
    arguments = {name: array.astype(function.dtype) for name, array in arrays.items()}
    options = plane.options(function.operation) | option
    return Case(function.operation, {**arguments, "kernel_size": plain(*plane.taps)}, options)


def _note(function: Function, question: str, ways: dict[str, Array], got: Array, where: Array) -> None:
    """Keep in the log which way fits all that was seen."""
    if where.any():
        fitting = {name for name, way in ways.items() if np.array_equal(way[where], got[where])}
        kept = function.log.policies.get(question)
        fitting = fitting & set(kept.split(" or ")) if kept else fitting
        function.log.policies[question] = " or ".join(sorted(fitting)) or "no one rule"
