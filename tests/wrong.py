"""Functions that are wrong in one way each: what checks must see. A bug takes the right function and returns a wrong one."""

from collections.abc import Callable
from typing import Any

import numpy as np

import vectorized

Function = Callable[..., Any]
Bug = Callable[[Function], Function]


def flipped(right: Function) -> Function:
    """Return a true convolution."""
    return lambda x, weight, bias=None, **o: right(x, weight[:, :, ::-1, ::-1], bias, **o)


def last_group(right: Function) -> Function:
    """Return a convolution that gives every group the filters of the last one."""

    def wrong(x: Any, weight: Any, bias: Any = None, **o: Any) -> Any:
        share = len(weight) // o.get("groups", 1)
        return right(x, np.concatenate([weight[-share:]] * o.get("groups", 1)), bias, **o)

    return wrong


def swapped(name: str) -> Bug:
    """Return the bug that takes the pair of one size as (width, height)."""

    def bug(right: Function) -> Function:
        def wrong(*arguments: Any, **options: Any) -> Any:
            given = list(arguments)
            if name == "kernel_size" and isinstance(given[1], tuple):
                given[1] = given[1][::-1]
            elif isinstance(options.get(name), tuple):
                options[name] = options[name][::-1]
            return right(*given, **options)

        return wrong

    return bug


def overlaps_assigned(_: Function) -> Function:
    """Return the gradient of a max pooling that keeps what the last of a pixel's windows sends back, unless it is zero."""

    def wrong(grad: Any, x: Any, kernel: Any, **o: Any) -> Any:
        _, winners = vectorized.max_pool2d(x, kernel, return_indices=True, **o)
        grad_x = np.zeros_like(x)
        for plane in np.ndindex(x.shape[:-2]):
            sent = grad[plane] != 0
            grad_x[plane].flat[winners[plane][sent]] = grad[plane][sent]
        return grad_x

    return wrong
