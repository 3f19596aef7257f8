"""Filters and scratch memory: what an algorithm makes ready before it meets an image, and where it works.

A plain call makes both afresh; within it, each thread uses its scratch for block after block. A layer (``layer.Conv2d``) keeps
both from call to call.

Letters: C channels, K filters, R×S taps; G groups.
"""

import threading
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from contract import Array

Take = Callable[[str, tuple[int, ...], "np.dtype[Any]"], Array]  # (name, shape, dtype) -> an array with anything in it


class Scratch(threading.local):
    """Arrays that are kept under their names, for each thread its own; an array is good until its name is taken again."""

    def __init__(self) -> None:
        self.kept: dict[str, Array] = {}
        self.lent = False  # to a call of this thread that has not ended

    def take(self, name: str, shape: tuple[int, ...], dtype: "np.dtype[Any]") -> Array:
        """Return an array that may hold anything, in the memory of an earlier one if that is large enough."""
        size = prod(shape) * dtype.itemsize
        if dtype.hasobject:
            return np.empty(shape, dtype)
        if name not in self.kept or self.kept[name].nbytes < size:
            self.kept[name] = np.empty(size, np.uint8)
        return self.kept[name][:size].view(dtype).reshape(shape)


def as_rows(weight: Array, groups: int, dtype: "np.dtype[Any]") -> Array:
    """Return the filters (K, C/G, R, S) as rows, (G, K/G, C/G*R*S): what multiplies columns."""
    K, depth, R, S = weight.shape
    return np.ascontiguousarray(weight, dtype).reshape(groups, K // groups, depth * R * S)


def as_taps(weight: Array, groups: int, dtype: "np.dtype[Any]") -> Array:
    """Return the filters (K, C/G, R, S) as one matrix for each tap, (R, S, G, K/G, C/G)."""
    K, depth, R, S = weight.shape
    return np.ascontiguousarray(weight.transpose(2, 3, 0, 1), dtype).reshape(R, S, groups, K // groups, depth)
