"""The nine steps: on which calls each is tried, what is right, and what it looks like if a usual mistake was made.

What is right comes from ``naive`` and ``vectorized``. The calls are enumerated, the smallest first.
"""

import os
from collections.abc import Callable, Iterator
from itertools import product
from types import ModuleType
from typing import Any, NamedTuple, NoReturn

import numpy as np

import naive
import vectorized
from naive import formulas


class Step(NamedTuple):
    """One function to be written."""

    name: str
    section: str  # of docs/lesson.md
    calls: list[dict[str, Any]]  # arguments by name
    right: Callable[..., Any]
    mistakes: dict[str, Callable[..., Any]]  # what a mistake makes of a call, by a sentence

    @property
    def suite(self) -> bool:
        """Return whether the verification suite judges this function: then one example will do here."""
        return hasattr(naive, self.name)


def suite(solution: ModuleType) -> str:
    """Return the command that verifies the answers."""
    return f"pytest --pyargs verification --implementation {os.path.relpath(str(solution.__file__))}"


# --------------------------------------------------------------------------------------------------------------- calls


def planes() -> Iterator[tuple[int, int, int, int, int, int]]:
    """Yield C, H, W, R, S, stride with windows that tile, the smallest images first."""
    for C, H, W, R, S, stride in product((1, 2), range(1, 4), range(1, 6), range(1, 4), range(1, 4), range(1, 4)):
        if R <= H and S <= W and (H - R) % stride == (W - S) % stride == 0:
            yield C, H, W, R, S, stride


def numbers(*shape: int) -> Any:
    """Return whole numbers that differ from each other, not in order."""
    count = int(np.prod(shape))
    return np.random.default_rng(count).permutation(count).reshape(shape) + 1


def cells() -> Iterator[dict[str, Any]]:
    """Yield the calls of one_cell."""
    for C, H, W, R, S, stride in planes():
        for i, j in np.ndindex((H - R) // stride + 1, (W - S) // stride + 1):
            yield {"x": numbers(C, H, W), "w": numbers(C, R, S), "b": 1000, "i": i, "j": j, "stride": stride}


def columns() -> Iterator[dict[str, Any]]:
    """Yield the calls of col2im."""
    for C, H, W, R, S, stride in planes():
        shape = vectorized.im2col(numbers(C, H, W), (R, S), stride=stride).shape
        yield {"columns": numbers(*shape), "H": H, "W": W, "R": R, "S": S, "stride": stride}


X = np.array([[[[1, 2, 3], [4, 5, 6]]]])
WEIGHT = np.array([[[[1, 0], [0, -1]]]])
POOLED = np.array([[[[1, 1, 2, 4], [5, 6, 7, 8]]]])
GRADIENT = np.array([[[[1, 10]]]])


# -------------------------------------------------------------------------------------------------- right, and mistaken


def cell(x: Any, w: Any, b: Any, i: int, j: int, stride: Any) -> Any:
    """Return one cell of the result; a pair of strides is for rows and columns."""
    return naive.conv2d(x, w[np.newaxis], [b], stride=stride, rounding="floor")[0, i, j]


def refuse() -> NoReturn:
    """Raise the error of a size."""
    raise ValueError


def fields(x: Any, R: int, S: int, stride: int) -> Any:
    """Return the columns with their axes apart, (C, R, S, P, Q)."""
    P, Q = (formulas.output_size(size, F, stride) for size, F in zip(x.shape[1:], (R, S), strict=True))
    return vectorized.im2col(x, (R, S), stride=stride).reshape(-1, R, S, P, Q)


def rows(order: tuple[int, ...]) -> Callable[..., Any]:
    """Return im2col with the axes of its fields in another order; the last two are of the windows."""

    def stretched(x: Any, R: int, S: int, stride: int) -> Any:
        found = fields(x, R, S, stride).transpose(order)
        return found.reshape(-1, found.shape[3] * found.shape[4])

    return stretched


def back(columns: Any, H: int, W: int, R: int, S: int, stride: int) -> Any:
    """Return col2im."""
    return vectorized.col2im(columns, (H, W), (R, S), stride=stride)


def overwritten(columns: Any, H: int, W: int, R: int, S: int, stride: int) -> Any:
    """Return col2im where the last copy of a pixel wins."""
    found = np.zeros((len(columns) // (R * S), H, W), columns.dtype)
    places = vectorized.im2col(np.arange(found.size).reshape(found.shape), (R, S), stride=stride)
    found.flat[places.T.ravel()] = columns.T.ravel()
    return found


def copies(**call: Any) -> Any:
    """Return how often im2col copies each pixel."""
    return np.maximum(back(**call | {"columns": np.ones_like(call["columns"])}), 1)


def multiplied(x: Any, weight: Any, stride: int) -> Any:
    """Return the product, reshaped."""
    return naive.conv2d(x, weight, stride=stride)


def mixed(x: Any, weight: Any, stride: int) -> Any:
    """Return the product with the weights reshaped to columns first, which deals them out to the wrong filters."""
    shuffled = weight.reshape(-1, len(weight)).T.reshape(weight.shape)
    return multiplied(x, shuffled, stride)


STEPS = (
    Step(
        "output_size",
        "5",
        [dict(zip("WFSP", call, strict=True)) for call in product(range(1, 9), range(1, 6), range(1, 4), range(3))],
        formulas.output_size,
        {
            "the remainder is dropped: where S does not divide W - F + 2P, it should be an error": lambda W, F, S, P: (
                (W - F + 2 * P) // S + 1 if W + 2 * P >= F else refuse()
            ),
            "the remainder is dropped, and a window longer than the side is no error": lambda W, F, S, P: (
                (W - F + 2 * P) // S + 1
            ),
            "the division gives a float: // gives an integer": lambda **call: float(formulas.output_size(**call)),
            "the division gives a float, and nothing is refused": lambda W, F, S, P: (W - F + 2 * P) / S + 1,
            "the + 1 is missing: the first window counts, too": lambda W, F, S, P: formulas.output_size(W, F, S, P) - 1,
            "P counts once: there are P zeros at each end": lambda W, F, S, P: formulas.output_size(W + P, F, S),
            "a window longer than the side is no error": lambda W, F, S, P: (
                refuse() if (W - F + 2 * P) % S else (W - F + 2 * P) // S + 1
            ),
        },
    ),
    Step(
        "one_cell",
        "2 and 4",
        list(cells()),
        cell,
        {
            "the bias is not added": lambda **call: cell(**call | {"b": 0}),
            "the stride is ignored": lambda **call: cell(**call | {"stride": 1}),
            "the stride counts for the rows alone": lambda **call: cell(**call | {"stride": (call["stride"], 1)}),
            "the stride counts for the columns alone": lambda **call: cell(**call | {"stride": (1, call["stride"])}),
            "the filter is flipped": lambda w, **call: cell(w=w[:, ::-1, ::-1], **call),
            "only the first channel is read": lambda x, w, **call: cell(x[:1], w[:1], **call),
        },
    ),
    Step("conv2d", "3 and 4", [{"x": X, "weight": WEIGHT}], naive.conv2d, {}),
    Step(
        "im2col",
        "6",
        [{"x": numbers(C, H, W), "R": R, "S": S, "stride": stride} for C, H, W, R, S, stride in planes()],
        lambda x, R, S, stride: vectorized.im2col(x, (R, S), stride=stride),
        {
            "each receptive field is a row: it should be a column": lambda **call: rows((0, 1, 2, 3, 4))(**call).T,
            "a column holds all channels of a pixel one after the other: it should hold one channel after the other": rows(
                (1, 2, 0, 3, 4)
            ),
            "a column holds a window column by column: it should be row by row": rows((0, 2, 1, 3, 4)),
            "the windows go column by column: they should go row by row": rows((0, 1, 2, 4, 3)),
            "the stride is ignored": lambda **call: rows((0, 1, 2, 3, 4))(**call | {"stride": 1}),
        },
    ),
    Step(
        "product",
        "7",
        [{"x": numbers(C, H, W), "weight": numbers(2, C, R, S), "stride": stride} for C, H, W, R, S, stride in planes()],
        multiplied,
        {
            "the result is not reshaped": lambda **call: multiplied(**call).reshape(2, -1),
            "the reshape of the weights mixes the filters: each filter should be one row": mixed,
        },
    ),
    Step(
        "col2im",
        "9",
        list(columns()),
        back,
        {
            "the copies of a pixel overwrite each other: they should add up": overwritten,
            "the copies of a pixel are averaged: they should add up": lambda **call: back(**call) / copies(**call),
        },
    ),
    Step("max_pool2d", "8", [{"x": POOLED, "kernel_size": 2}], naive.max_pool2d, {}),
    Step("conv2d_backward", "9", [{"grad_output": GRADIENT, "x": X, "weight": WEIGHT}], naive.conv2d_backward, {}),
    Step(
        "max_pool2d_backward",
        "9",
        [{"grad_output": GRADIENT, "x": POOLED, "kernel_size": 2}],
        naive.max_pool2d_backward,
        {},
    ),
)
