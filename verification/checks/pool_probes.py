"""Probes of poolings: images with one high peak each show every window at once, and one-hot gradients where each one goes.

Letters: H×W pixels, R×S taps, P×Q windows; m an image of the batch.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from contract import Array
from verification.cases import Case
from verification.checks.calls import Index, Probe
from verification.checks.probes import cells, code, decoded
from verification.checks.taps import Plane, inside, operator, plain

PEAK = 5040.0  # divisible by every number of cells up to 10, by 12, 14, 15 and 16: every mean of one peak is whole


def max_pool2d(operation: str, plane: Plane, dtype: Any, option: dict[str, Any]) -> Iterator[Probe]:
    """Yield images of distinct negative numbers, each with its largest at another pixel."""
    (H, W), seen = plane.size, windows(plane)
    x = -2.0 - shuffled(H * W)  # (H*W, H*W): in each image its own order
    np.fill_diagonal(x, -1.0)
    under = np.where(seen, x[:, :, np.newaxis], -np.inf)  # (image, pixel, window)
    shape = (H * W, 1, *plane.windows)
    due = {"y": under.max(1).reshape(shape)}
    if option.get("return_indices"):
        due["indices"] = under.argmax(1).reshape(shape)

    def words(name: str, index: Index, got: Array) -> str:
        _, _, i, j = index
        right = seen[:, i * shape[3] + j].reshape(H, W) * 1.0
        window = f"the window of y[n, c, {i}, {j}] is x[n, c] at {cells('({}, {})', right)}"
        if name == "indices":
            place = int(got[index])
            where = f"{place}, at row {place // W}, column {place % W}"
            return f"{window}; its largest value has index {due[name][index]} (row * {W} + column), got {where}"
        peaks = (got[:, 0, i, j] == -1).reshape(H, W) * 1.0
        if not np.array_equal(peaks, right):
            return f"{window}; peaks are seen at {cells('({}, {})', peaks) or 'no pixel'}"
        return f"{window}; its largest value is {due[name][index]}, got {got[index]}"

    arguments = {"x": x.reshape(-1, 1, H, W).astype(dtype), "kernel_size": plain(*plane.taps)}
    yield Probe(Case(operation, arguments, plane.options(operation) | option), due, words, free=blind(plane))


def max_pool2d_backward(operation: str, plane: Plane, dtype: Any, option: dict[str, Any]) -> Iterator[Probe]:
    """Yield images of distinct numbers with a gradient of one window each; in the last one all windows have one."""
    (H, W), (P, Q), seen = plane.size, plane.windows, windows(plane)
    images = P * Q + 1
    x = -1.0 - shuffled(H * W)[np.arange(images) % (H * W)]  # (m, H*W)
    coded = code(P * Q, dtype)
    grad = np.vstack([np.eye(P * Q), coded])
    winner = np.where(seen, x[:, :, np.newaxis], -np.inf).argmax(1)  # (m, P*Q)
    goes = (winner[:, np.newaxis] == np.arange(H * W)[:, np.newaxis]) & seen.any(0)  # (m, H*W, P*Q)
    due = (goes * grad[:, np.newaxis]).sum(2).reshape(images, 1, H, W)

    def words(_name: str, index: Index, got: Array) -> str:
        m, _, p, q = index
        if m < P * Q:
            i, j = divmod(m, Q)
            right, wrong = (cells("grad_x[n, c, {}, {}]", v[m, 0]) for v in (due, got))
            return f"grad_output[n, c, {i}, {j}] should go to {right or 'no pixel'}; it goes to {wrong or 'no pixel'}"
        right, wrong = (
            cells("grad_output[n, c, {}, {}]", decoded(v[index], coded.reshape(P, Q))) or "nothing" for v in (due, got)
        )
        return f"grad_x[n, c, {p}, {q}] should get {right}; it gets {wrong}"

    arguments = {
        "grad_output": grad.reshape(images, 1, P, Q).astype(dtype),
        "x": x.reshape(images, 1, H, W).astype(dtype),
        "kernel_size": plain(*plane.taps),
    }
    yield Probe(Case(operation, arguments, plane.options(operation) | option), {"grad_x": due}, words)


def avg_pool2d(operation: str, plane: Plane, dtype: Any, option: dict[str, Any]) -> Iterator[Probe]:
    """Yield all images with one peak."""
    (H, W), (P, Q) = plane.size, plane.windows
    share = shares(plane, option)  # (H*W, P*Q)
    due = PEAK * share.reshape(H * W, 1, P, Q)

    def words(_name: str, index: Index, y: Array) -> str:
        _, _, i, j = index
        right, wrong = ((v[:, 0, i, j] != 0).reshape(H, W) * 1.0 for v in (due, y))
        if not np.array_equal(right, wrong):
            first, second = (cells("({}, {})", v) or "no pixel" for v in (right, wrong))
            return f"y[n, c, {i}, {j}] should be the mean over x[n, c] at {first}; it is made of {second}"
        given, found = PEAK / due[index], PEAK / y[index]
        return f"y[n, c, {i}, {j}] should be a sum divided by {given:g}; it is divided by {found:g}"

    arguments = {"x": PEAK * np.eye(H * W, dtype=dtype).reshape(-1, 1, H, W), "kernel_size": plain(*plane.taps)}
    yield Probe(Case(operation, arguments, plane.options(operation) | option), {"y": due}, words, terms=terms(plane))


def avg_pool2d_backward(operation: str, plane: Plane, dtype: Any, option: dict[str, Any]) -> Iterator[Probe]:
    """Yield all one-hot gradients, and an image in which all windows have one."""
    (H, W), (P, Q) = plane.size, plane.windows
    grad = PEAK * np.vstack([np.eye(P * Q), 1.0 + np.arange(P * Q)])
    due = (grad @ shares(plane, option).T).reshape(-1, 1, H, W)

    def words(_name: str, index: Index, got: Array) -> str:
        m, _, p, q = index
        if m < P * Q:
            i, j = divmod(m, Q)
            right, wrong = ((v[m, 0] != 0) * 1.0 for v in (due, got))
            if not np.array_equal(right, wrong):
                first, second = (cells("({}, {})", v) or "no pixel" for v in (right, wrong))
                return f"grad_output[n, c, {i}, {j}] should be shared by grad_x[n, c] at {first}; it goes to {second}"
            return (
                f"grad_x[n, c, {p}, {q}] should get 1/{PEAK / due[index]:g} of grad_output[n, c, {i}, {j}]; "
                f"it gets 1/{PEAK / got[index]:g}"
            )
        return f"grad_x[n, c, {p}, {q}] should add up what all its windows send, {due[index]:g}; got {got[index]:g}"

    arguments = {
        "grad_output": grad.reshape(-1, 1, P, Q).astype(dtype),
        "x": np.ones((len(grad), 1, H, W), dtype),
        "kernel_size": plain(*plane.taps),
    }
    case = Case(operation, arguments, plane.options(operation) | option)
    yield Probe(case, {"grad_x": due}, words, terms=terms(plane) + P * Q)


def windows(plane: Plane) -> Array:
    """Return whether a pixel lies under a window, (H*W, P*Q)."""
    return np.asarray(operator(plane).any(1))


def blind(plane: Plane) -> Array:
    """Return which windows see only padding, (1, 1, P, Q): what their largest value is, is nobody's to judge."""
    return np.asarray(~windows(plane).any(0)).reshape(1, 1, *plane.windows)


def shares(plane: Plane, option: dict[str, Any]) -> Array:
    """Return the share that a pixel has in each window's mean, (H*W, P*Q)."""
    under: Array = operator(plane).sum(1)
    if "divisor_override" in option:
        divisor = np.array(option["divisor_override"])
    elif option.get("count_include_pad", True):
        divisor = np.outer(inside(plane.height, plane.rounding), inside(plane.width, plane.rounding)).ravel()
    else:
        divisor = under.sum(0)
    return np.asarray(under / divisor)


def terms(plane: Plane) -> int:
    """Return how many cells a window has."""
    return int(np.prod(plane.taps))


def shuffled(n: int) -> Array:
    """Return n rows, each with the numbers from 0 to n - 1 in an order of its own."""
    rng = np.random.default_rng(n)
    return np.argsort(rng.random((n, n)), axis=1).astype(np.float64)
