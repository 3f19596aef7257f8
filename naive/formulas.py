"""The formulas as the course notes state them: one image X of shape A×B×C (channels last), K filters of shape F×F×C.

    V[i, j, k] = sum(X[i*S : i*S+F, j*S : j*S+F, :] * W_k) + b_k

with stride S and zero padding P, the same on both axes. Sizes that are not integers are an error: here nothing is dropped.

Letters: A rows, B columns, C channels (depth), K filters, F filter size, S stride, P padding.
Source: Stanford's CS231n course notes, "Convolutional Neural Networks".
"""

from typing import Any

import numpy as np

import contract
from contract import Array


def output_size(W: int, F: int, S: int = 1, P: int = 0) -> int:
    """Return how many windows of size F fit along a side of W cells: (W - F + 2P)/S + 1.

    Raises ValueError where that is not a positive integer, TypeError for sizes that are not integers.

    >>> output_size(7, 3, 1, 0), output_size(7, 3, 2, 0), output_size(227, 11, 4, 0)
    (5, 3, 55)
    >>> output_size(10, 3, 2, 0)
    Traceback (most recent call last):
    ValueError: (W - F + 2P)/S + 1 = (10 - 3 + 2*0)/2 + 1 = 7/2 + 1 is not an integer: the windows do not tile the input
    """
    W, F, S, P = (contract.integer(n, v, m) for n, v, m in (("W", W, 1), ("F", F, 1), ("S", S, 1), ("P", P, 0)))
    span = W - F + 2 * P
    rule = f"(W - F + 2P)/S + 1 = ({W} - {F} + 2*{P})/{S} + 1"
    if span < 0:
        raise ValueError(f"{rule}: the filter (F = {F}) is larger than the padded input (W + 2P = {W + 2 * P})")
    if span % S:
        raise ValueError(f"{rule} = {span}/{S} + 1 is not an integer: the windows do not tile the input")
    return span // S + 1


def same_padding(F: int, S: int = 1) -> int:
    """Return the zero padding P = (F - S)/2; with stride 1 it keeps the input's size.

    Raises ValueError where that is not an integer, or negative.

    >>> same_padding(3, 1), same_padding(5, 1), same_padding(7, 1)
    (1, 2, 3)
    """
    F, S = contract.integer("F", F, 1), contract.integer("S", S, 1)
    rule = f"(F - S)/2 = ({F} - {S})/2"
    if F < S:
        raise ValueError(f"{rule} is negative: no padding does this")
    if (F - S) % 2:
        raise ValueError(f"{rule} is not an integer: padding on both sides cannot be equal")
    return (F - S) // 2


@np.errstate(all="ignore")  # NaN, Inf and wrapping integers are results here, not warnings
def convolve(X: Any, W: Any, b: Any, S: int = 1, P: int = 0) -> Array:
    """Convolve one image with K filters: V[i, j, k] = sum(X[i*S : i*S+F, j*S : j*S+F, :] * W_k) + b_k.

    Shapes: X (A, B, C); W (K, F, F, C); b (K,); V (A', B', K) with A' = (A - F + 2P)/S + 1, and likewise B'.

    >>> X = np.arange(9).reshape(3, 3, 1)
    >>> V = convolve(X, W=[[[[1], [0]], [[0], [-1]]]], b=[10])
    >>> V[:, :, 0]  # 0 - 4 + 10, 1 - 5 + 10, ...
    array([[6, 6],
           [6, 6]])
    """
    X, W, b = contract.volume_and_filters(X, W, b)
    K, F = W.shape[:2]
    shape = (output_size(X.shape[0], F, S, P), output_size(X.shape[1], F, S, P), K)
    contract.memory_fits("V", shape, X.itemsize)
    dtype, carrier = X.dtype, contract.carrier(X.dtype)
    X, W, b = zero_pad(X, P).astype(carrier), W.astype(carrier), b.astype(carrier)
    V = np.zeros(shape, carrier)
    for i in range(V.shape[0]):
        for j in range(V.shape[1]):
            for k in range(K):
                V[i, j, k] = np.sum(X[i * S : i * S + F, j * S : j * S + F, :] * W[k], dtype=carrier) + b[k]
    return V.astype(dtype)


def max_pool(X: Any, F: int, S: int) -> Array:
    """Take the largest value under each F×F window: V[i, j, c] = max(X[i*S : i*S+F, j*S : j*S+F, c]).

    Shapes: X (A, B, C); V (A', B', C) with A' = (A - F)/S + 1, and likewise B'. The notes pool without padding.

    >>> X = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]).reshape(4, 4, 1)
    >>> max_pool(X, F=2, S=2)[:, :, 0]
    array([[6, 8],
           [3, 4]])
    """
    X = contract.volume(X)
    if X.dtype.kind == "c":
        raise TypeError(f"X must have an ordered dtype: complex numbers have no maximum, got {X.dtype}")
    V = np.empty((output_size(X.shape[0], F, S), output_size(X.shape[1], F, S), X.shape[2]), X.dtype)
    for i in range(V.shape[0]):
        for j in range(V.shape[1]):
            for c in range(V.shape[2]):
                V[i, j, c] = np.max(X[i * S : i * S + F, j * S : j * S + F, c])
    return V


def zero_pad(X: Any, P: int) -> Array:
    """Return X (A, B, C) with P rows and columns of zeros on every side: (A + 2P, B + 2P, C).

    >>> zero_pad([[[1]]], 1)[:, :, 0]
    array([[0, 0, 0],
           [0, 1, 0],
           [0, 0, 0]])
    """
    X, P = contract.volume(X), contract.integer("P", P, 0)
    A, B, C = X.shape
    contract.memory_fits("the padded input", (A + 2 * P, B + 2 * P, C), X.itemsize)
    padded = np.zeros((A + 2 * P, B + 2 * P, C), X.dtype)
    padded[P : P + A, P : P + B] = X
    return padded
