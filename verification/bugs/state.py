"""Bugs of state: what one call leaves for the next, or a thread for another."""

import time
from typing import Any

import numpy as np

from contract import Array
from verification.bugs.bend import Arguments, Bug, Right, bend, keeping
from verification.bugs.reference import Places, Reference
from verification.operations import FORWARD

CONV = ("conv2d",)
SOME = ("conv2d", "max_pool2d")


def _same_buffer(f: Right, a: Arguments, kept: dict[Any, Any]) -> Any:
    """Write every result of one shape into one array."""
    y = f(a)
    if isinstance(y, tuple):
        return y
    buffer = np.asarray(kept.setdefault((y.shape, y.dtype), y))
    np.copyto(buffer, y)
    return buffer


def _filters_by_shape(f: Right, a: Arguments, kept: dict[Any, Any]) -> Any:
    w = np.asarray(a["weight"])
    return f(a | {"weight": kept.setdefault((w.shape, w.dtype), w.copy())})


def _filters_by_address(f: Right, a: Arguments, kept: dict[Any, Any]) -> Any:
    w = np.asarray(a["weight"])
    key = (w.__array_interface__["data"][0], w.shape, w.strides, w.dtype)
    return f(a | {"weight": kept.setdefault(key, w.copy())})


def _results_by_id(f: Right, a: Arguments, kept: dict[Any, Any]) -> Any:
    key = str({name: id(v) if isinstance(v, np.ndarray) else v for name, v in a.items()})
    if key not in kept:
        kept[key] = f(a)
    return kept[key].copy()


def _remembered(f: Right, a: Arguments, kept: dict[Any, Any]) -> Any:
    """Keep a stride or padding once given: the defaults live in a dict that calls write to."""
    for name in ("stride", "padding"):
        if a[name] not in (0, 1, None):
            kept[name] = a[name]
    return f(a | kept) if a["stride"] in (1, None) and a["padding"] == 0 else f(a)


def _largest_scratch(self: Reference, x: Array, places: Places, fill: Any) -> Array:
    """Pad into a scratch image kept from call to call, and never clear its border."""
    N, C, H, W = x.shape
    kept = self.__dict__.setdefault("kept", {})
    if (N, C, x.dtype) not in kept or kept[N, C, x.dtype].shape[2] <= H or kept[N, C, x.dtype].shape[3] <= W:
        kept[N, C, x.dtype] = np.full((N, C, H + 1, W + 1), fill, x.dtype)
    old = kept[N, C, x.dtype]
    old[:, :, :H, :W] = x
    rows, columns = (np.where(p < 0, size, p) for p, size in zip(places, (H, W), strict=True))
    windows: Array = old[:, :, rows[:, :, None, None], columns]
    return windows


def _shared_scratch(self: Reference, x: Array, places: Places, fill: Any) -> Array:
    """Hold the image in flat memory that all threads share, while another may come in."""
    self.__dict__["scratch"] = x.ravel()
    time.sleep(1e-4)
    scratch = self.__dict__["scratch"]
    return Reference.gather(self, np.resize(scratch, x.shape).astype(x.dtype), places, fill)


def _uncleared(self: Reference, stamps: Array, places: Places, shape: tuple[int, ...]) -> Array:
    """Add the stamps up in memory that still holds what an earlier call left there."""
    y = Reference.scatter(self, stamps, places, shape)
    y += self.__dict__.get("left", 0)
    self.__dict__["left"] = stamps.dtype.type(1) if stamps.dtype != object else 1
    return y


def _accumulated(f: Right, a: Arguments, kept: dict[Any, Any]) -> Any:
    """Add to the gradients of the call before, if it had their shapes."""
    grads = f(a)
    key = tuple((g.shape, g.dtype) for g in grads)
    before_ = kept.get(key, [0] * len(grads))
    kept[key] = [g.copy() for g in grads]
    return tuple(g + old for g, old in zip(grads, before_, strict=True))


BUGS = (
    Bug("one buffer for all results", "the next call overwrites this result", FORWARD, "inputs", keeping(_same_buffer)),
    Bug(
        "filters cached by shape",
        "filters of the same shape are taken for the same filters",
        CONV,
        "state",
        keeping(_filters_by_shape),
    ),
    Bug(
        "filters cached by address",
        "filters at the same address are taken for the same filters, though they have changed",
        CONV,
        "state",
        keeping(_filters_by_address),
    ),
    Bug(
        "results cached by id",
        "results are kept by the id() of the arguments, which may have changed since, or be others",
        CONV,
        "state",
        keeping(_results_by_id),
    ),
    Bug(
        "options remembered",
        "a stride or padding once given stays for later calls that give none: a mutable default",
        SOME,
        "state",
        keeping(_remembered),
    ),
    Bug(
        "stale border",
        "the padding holds what an earlier, larger image left in the scratch",
        SOME,
        "exact",
        bend(gather=_largest_scratch),
        "pytorch#84602",
    ),
    Bug(
        "scratch shared by threads",
        "threads share one scratch image",
        SOME,
        "threads",
        bend(gather=_shared_scratch),
        "pytorch#84602",
    ),
    Bug(
        "uncleared memory",
        "sums start from what an earlier call left in the memory of the result",
        ("conv_transpose2d", "conv2d_backward", "avg_pool2d_backward"),
        "state",
        bend(scatter=_uncleared),
    ),
    Bug(
        "gradients accumulate",
        "gradients are added to those of the call before",
        ("conv2d_backward", "conv_transpose2d_backward"),
        "state",
        keeping(_accumulated),
    ),
)
