"""The footprint of NaN and Inf in poolings: see footprint.py. And of -Inf where a maximum finds nothing else.

Letters: H×W pixels, P×Q windows; m an image of the batch.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from contract import Array
from verification.cases import Case
from verification.checks.calls import Function, Index, Probe
from verification.checks.pool_probes import PEAK, blind, shares, shuffled, terms, windows
from verification.checks.taps import Plane, plain
from verification.forms import FLOATS

PASSED = "NaN or Inf in the gradient of a window gives, at its smaller pixels,"


def max_pool(function: Function, plane: Plane, bad: float) -> Iterator[Probe]:
    """Yield images with a bad value at another pixel each: NaN beats every number, Inf too, and -Inf none."""
    H, W = plane.size
    x = shuffled(H * W)
    np.fill_diagonal(x, bad)  # (m, H*W)
    under = np.where(windows(plane), x[:, :, np.newaxis], -np.inf)  # (m, pixel, window)
    shape = (H * W, 1, *plane.windows)
    due = {"y": under.max(1).reshape(shape)}
    indices = "return_indices" in function.able.options
    if indices:
        due["indices"] = np.where(windows(plane), np.maximum(under, -1.0), -2.0).argmax(1).reshape(shape)  # -inf or padding
    arguments = {"x": x.reshape(-1, 1, H, W).astype(function.dtype), "kernel_size": plain(*plane.taps)}
    options = plane.options(function.operation) | ({"return_indices": True} if indices else {})
    yield Probe(Case(function.operation, arguments, options), due, _words("x", arguments, due), free=blind(plane))


def lowest(function: Function, plane: Plane) -> Iterator[Probe]:
    """Yield an image of nothing but -Inf, and ones with a number at another pixel each; which one wins is for ties.py to say.

    A maximum that starts from the lowest finite number shows, in the dtypes, and the kernels with or without indices, that do.
    """
    H, W = plane.size
    x = np.full((H * W + 1, H * W), -np.inf)
    np.fill_diagonal(x, -3.0)
    due = {"y": np.where(windows(plane), x[:, :, np.newaxis], -np.inf).max(1).reshape(-1, 1, *plane.windows)}
    for dtype, indices in product(function.able.dtypes(*FLOATS), (False, True)):
        if not indices or "return_indices" in function.able.options:
            arguments = {"x": x.reshape(-1, 1, H, W).astype(dtype), "kernel_size": plain(*plane.taps)}
            options = plane.options(function.operation) | ({"return_indices": True} if indices else {})
            yield Probe(Case(function.operation, arguments, options), due, _words("x", arguments, due), free=blind(plane))


def avg_pool(function: Function, plane: Plane, bad: float) -> Iterator[Probe]:
    """Yield images with a bad value at another pixel each."""
    (H, W), share = plane.size, shares(plane, {})
    x = PEAK * (1 + shuffled(H * W))
    good = x @ share - np.diag(x)[:, np.newaxis] * share  # (m, P*Q)
    due = {"y": np.where(share > 0, bad, good).reshape(-1, 1, *plane.windows)}
    np.fill_diagonal(x, bad)
    arguments = {"x": x.reshape(-1, 1, H, W).astype(function.dtype), "kernel_size": plain(*plane.taps)}
    case = Case(function.operation, arguments, plane.options(function.operation))
    yield Probe(case, due, _words("x", arguments, due), terms=terms(plane))


def gradients(function: Function, plane: Plane, bad: float) -> Iterator[Probe]:
    """Yield images with the gradient of another window bad each."""
    (H, W), (P, Q), seen, n = plane.size, plane.windows, windows(plane), int(np.prod(plane.windows))
    average = function.operation.startswith("avg")
    if not average and blind(plane).any():
        return  # PyTorch, for one, does not take a window without a pixel
    x = np.tile(shuffled(H * W)[0], (n, 1))  # (m, H*W)
    largest = np.where(seen, x[0][:, np.newaxis], -np.inf).argmax(0) == np.arange(H * W)[:, np.newaxis]  # (H*W, P*Q)
    share = shares(plane, {}) if average else largest * 1.0
    grad = PEAK * (1.0 + np.tile(np.arange(n), (n, 1)))
    np.fill_diagonal(grad, 0)
    due = {"grad_x": np.where(share.T > 0, bad, grad @ share.T).reshape(-1, 1, H, W)}
    np.fill_diagonal(grad, bad)
    arguments = {
        "grad_output": grad.reshape(-1, 1, P, Q).astype(function.dtype),
        "x": x.reshape(-1, 1, H, W).astype(function.dtype),
        "kernel_size": plain(*plane.taps),
    }
    case = Case(function.operation, arguments, plane.options(function.operation))
    may = (seen & ~largest).T.reshape(-1, 1, H, W)
    probe = Probe(case, due, _words("grad_output", arguments, due), terms=(terms(plane) + n) * average)
    yield probe if average or function.implementation.strict else probe._replace(may=may, question=PASSED)


MAKE = {"max_pool2d": max_pool, "avg_pool2d": avg_pool, "max_pool2d_backward": gradients, "avg_pool2d_backward": gradients}


def _words(argument: str, arguments: dict[str, Any], due: dict[str, Array]) -> Callable[[str, Index, Array], str]:
    """Return words for a difference in image m, whose m-th cell of ``argument`` is bad."""

    def words(name: str, index: Index, got: Array) -> str:
        plane = arguments[argument][index[0], 0]
        if index[0] == plane.size:
            return f"{name}{list(index)} should be {due[name][index]}, got {got[index]}: all of {argument} is {plane[0, 0]}"
        place = divmod(index[0], plane.shape[1])
        return (
            f"{name}{list(index)} should be {due[name][index]}, got {got[index]}: "
            f"{argument}[{index[0]}, 0, {place[0]}, {place[1]}] is {plane[place]}"
        )

    return words
