"""The course notes' formulas as one matrix product: one image X of shape A×B×C (channels last), K filters of shape F×F×C.

    V = (filters as rows, K × F·F·C) @ (receptive fields as columns, F·F·C × A'·B') + b          then one reshape

with stride S and zero padding P, the same on both axes. Sizes that are not integers are an error: here nothing is dropped.

Letters: A rows, B columns, C channels (depth), K filters, F filter size, S stride, P padding; A'×B' output cells.
Source: Stanford's CS231n course notes, "Convolutional Neural Networks".
"""

from typing import Any

import numpy as np

import contract
from contract import Array
from vectorized import windows


def output_size(W: int, F: int, S: int = 1, P: int = 0) -> int:
    """Return how many windows of size F fit along a side of W cells: (W - F + 2P)/S + 1.

    Raises ValueError where that is not a positive integer, TypeError for sizes that are not integers.

    >>> output_size(7, 3, 1, 0), output_size(7, 3, 2, 0), output_size(227, 11, 4, 0)
    (5, 3, 55)
    """
    W, F, S, P = (contract.integer(n, v, m) for n, v, m in (("W", W, 1), ("F", F, 1), ("S", S, 1), ("P", P, 0)))
    steps, left_over = divmod(W - F + 2 * P, S)
    if W + 2 * P < F or left_over:
        raise ValueError(
            f"(W - F + 2P)/S + 1 = ({W} - {F} + 2*{P})/{S} + 1 is not a positive integer: the windows do not tile the input"
        )
    return steps + 1


def same_padding(F: int, S: int = 1) -> int:
    """Return the zero padding P = (F - S)/2; with stride 1 it keeps the input's size.

    Raises ValueError where that is not an integer, or negative.

    >>> same_padding(3, 1), same_padding(5, 1), same_padding(7, 1)
    (1, 2, 3)
    """
    half, odd = divmod(contract.integer("F", F, 1) - contract.integer("S", S, 1), 2)
    if odd or half < 0:
        raise ValueError(f"(F - S)/2 = ({F} - {S})/2 is not a natural number: no padding on both sides does this")
    return half


def im2col(X: Any, F: int, S: int = 1, P: int = 0) -> Array:
    """Stretch every receptive field of one image into a column of length F·F·C.

    ``columns[(f*F + g)*C + c, i*B' + j] = X[i*S + f, j*S + g, c]``, X zero-padded

    Shapes: X (A, B, C); columns (F·F·C, A'·B') with A' = (A - F + 2P)/S + 1, and likewise B'. The notes' example: an image
    of 227×227×3, F = 11 and S = 4 give columns of length 11·11·3 = 363, and 55·55 = 3025 of them.

    >>> im2col(np.arange(9).reshape(3, 3, 1), F=2)
    array([[0, 1, 3, 4],
           [1, 2, 4, 5],
           [3, 4, 6, 7],
           [4, 5, 7, 8]])
    """
    X, P = contract.volume(X), contract.integer("P", P, 0)
    A, B, C = X.shape
    count = (output_size(A, F, S, P), output_size(B, F, S, P))
    contract.memory_fits("the columns", (F, F, C, *count), X.itemsize)
    padded = zero_pad(X, P).transpose(2, 0, 1)[np.newaxis]  # (1, C, A + 2P, B + 2P): the view below counts axes that way
    fields = windows.windows(padded, (F, F), (S, S), (1, 1), count)[0]  # (C, F, F, A', B')
    columns: Array = fields.transpose(1, 2, 0, 3, 4).reshape(F * F * C, count[0] * count[1])
    return columns


@np.errstate(all="ignore")  # NaN, Inf and wrapping integers are results here, not warnings
def convolve(X: Any, W: Any, b: Any, S: int = 1, P: int = 0) -> Array:
    """Convolve one image with K filters, as one matrix product: rows of filters times columns of receptive fields.

    Shapes: X (A, B, C); W (K, F, F, C); b (K,); V (A', B', K) with A' = (A - F + 2P)/S + 1, and likewise B'.

    >>> X = np.arange(9).reshape(3, 3, 1)
    >>> V = convolve(X, W=[[[[1], [0]], [[0], [-1]]]], b=[10])
    >>> V[:, :, 0]  # 0 - 4 + 10, 1 - 5 + 10, ...
    array([[6, 6],
           [6, 6]])
    """
    X, W, b = contract.volume_and_filters(X, W, b)
    K, F = W.shape[:2]
    dtype = contract.carrier(X.dtype)
    columns = im2col(X, F, S, P).astype(dtype, copy=False)  # (F·F·C, A'·B')
    rows = W.reshape(K, -1).astype(dtype, copy=False)  # (K, F·F·C)
    V: Array = rows @ columns + b.astype(dtype)[:, np.newaxis]  # (K, A'·B')
    A, B = output_size(X.shape[0], F, S, P), output_size(X.shape[1], F, S, P)
    V = V.T.reshape(A, B, K)
    return V.astype(X.dtype)


def max_pool(X: Any, F: int, S: int) -> Array:
    """Take the largest value under each F×F window: the maximum of each receptive field, channel by channel.

    Shapes: X (A, B, C); V (A', B', C) with A' = (A - F)/S + 1, and likewise B'. The notes pool without padding.

    >>> X = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]).reshape(4, 4, 1)
    >>> max_pool(X, F=2, S=2)[:, :, 0]
    array([[6, 8],
           [3, 4]])
    """
    X = contract.volume(X)
    if X.dtype.kind == "c":
        raise TypeError(f"X must have an ordered dtype: complex numbers have no maximum, got {X.dtype}")
    A, B = output_size(X.shape[0], F, S), output_size(X.shape[1], F, S)
    return np.asarray(im2col(X, F, S).reshape(F * F, X.shape[2], A, B).max(0).transpose(1, 2, 0).copy())


def zero_pad(X: Array, P: int) -> Array:
    """Return X (A, B, C) with P rows and columns of zeros on every side: (A + 2P, B + 2P, C).

    >>> zero_pad(np.ones((1, 1, 1), int), 1)[:, :, 0]
    array([[0, 0, 0],
           [0, 1, 0],
           [0, 0, 0]])
    """
    X, P = contract.volume(X), contract.integer("P", P, 0)
    shape = (X.shape[0] + 2 * P, X.shape[1] + 2 * P, X.shape[2])
    contract.memory_fits("the padded input", shape, X.itemsize)
    padded = np.zeros(shape, X.dtype)
    padded[P : P + X.shape[0], P : P + X.shape[1]] = X
    return padded
