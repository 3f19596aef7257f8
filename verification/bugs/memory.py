"""Bugs of memory: views misread, inputs changed, results shared, and what one call leaves for the next."""

import time
from typing import Any

import numpy as np

from contract import Array
from verification.bugs.bend import Arguments, Bug, Right, around, before, bend, each, keeping
from verification.bugs.reference import Places, Reference
from verification.operations import FORWARD, OPERATIONS

CONV, GRAD = ("conv2d",), ("conv2d_backward",)
SOME = ("conv2d", "max_pool2d")
ARRAYS = ("grad_output", "x", "weight", "bias")


def views(change: Any) -> Any:
    """Apply ``change`` to every array argument, as it came."""
    return before(lambda a: {name: change(a[name]) for name in ARRAYS if isinstance(a.get(name), np.ndarray)})


def _as_if_contiguous(v: Array) -> Array:
    """Read a view's items one after the other from where it starts, whatever its strides; never past the end of its base."""
    base = v.base
    if not isinstance(base, np.ndarray) or base.dtype != v.dtype or v.flags.c_contiguous or not v.size:
        return v
    first = (v.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // v.itemsize
    return base.ravel("K").take(range(first, first + v.size), mode="wrap").reshape(v.shape)


def _eight_byte_items(v: Array) -> Array:
    """Step through memory 8 bytes an item; never past the end."""
    flat = np.ravel(v)
    return flat[np.arange(v.size) * 8 // v.itemsize % max(v.size, 1)].reshape(v.shape) if v.dtype != object else v


def _positive_strides(v: Array) -> Array:
    """Walk every axis upwards."""
    return v[tuple(slice(None, None, -1 if s < 0 else 1) for s in v.strides)]


def _flipped_in_place(f: Right, a: Arguments) -> Any:
    """Flip the caller's own filters for a loop that runs backwards."""
    w = a["weight"]
    y = f(a)
    if isinstance(w, np.ndarray):
        w[...] = w[..., ::-1, ::-1].copy()
    return y


def _pooled_in_place(f: Right, a: Arguments) -> Any:
    """Use the caller's own image as scratch: NaN there is turned into -inf."""
    y, x = f(a), a["x"]
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        x[np.isnan(x)] = -np.inf
    return y


def _is_identity(a: Arguments) -> bool:
    sizes = (a["kernel_size"], a["kernel_size"] if a["stride"] is None else a["stride"])
    return all(v in (1, (1, 1)) for v in sizes) and a["padding"] in (0, (0, 0)) and not a.get("return_indices")


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
    """Hold the image in one place that all threads share, while another may come in."""
    self.__dict__["image"] = x
    time.sleep(1e-4)
    image = self.__dict__["image"]
    return Reference.gather(self, image if image.shape == x.shape and image.dtype == x.dtype else x, places, fill)


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


def _writeable_only(a: Arguments) -> Arguments:
    for name in ARRAYS:
        if isinstance(a.get(name), np.ndarray) and not a[name].flags.writeable:
            raise ValueError("buffer source array is read-only")
    return {}


def _arrays_only(a: Arguments) -> Arguments:
    return {"x": a["x"].reshape(a["x"].shape)}  # a list has neither


VIEWS = (
    Bug(
        "slices read as contiguous",
        "a view is read as if its items lay side by side",
        OPERATIONS,
        "?",
        views(_as_if_contiguous),
        "pytorch#180984",
    ),
    Bug(
        "8-byte items",
        "strides are those of 8-byte items, whatever the dtype",
        SOME,
        "?",
        views(_eight_byte_items),
        "numpy#13706",
    ),
    Bug(
        "Fortran order misread",
        "Fortran-ordered arrays are read as if they were in C order",
        SOME,
        "?",
        views(lambda v: v.ravel("K").reshape(v.shape) if v.flags.f_contiguous and not v.flags.c_contiguous else v),
    ),
    Bug("negative strides lost", "arrays that run backwards are read forwards", SOME, "?", views(_positive_strides)),
    Bug("read-only refused", "read-only arrays are refused", OPERATIONS, "?", before(_writeable_only)),
    Bug("lists refused", "nested lists are refused: only arrays have a shape", SOME, "?", before(_arrays_only)),
    Bug(
        "subclass returned",
        "a subclass of ndarray comes back as that subclass",
        FORWARD,
        "?",
        each(lambda y, a: y.view(type(a["x"])) if isinstance(a["x"], np.ndarray) else y),
    ),
    Bug(
        "result in foreign byte order",
        "the result has the byte order of x",
        FORWARD,
        "?",
        each(lambda y, a: y.astype(np.asarray(a["x"]).dtype) if y.dtype == np.asarray(a["x"]).dtype.newbyteorder("=") else y),
    ),
)

WRITES = (
    Bug("filters flipped in place", "the caller's weight is left flipped", CONV, "?", around(_flipped_in_place)),
    Bug("NaN replaced in place", "NaN in the caller's image is overwritten", ("max_pool2d",), "?", around(_pooled_in_place)),
    Bug(
        "input returned",
        "a 1x1 window returns the input itself, not a copy",
        ("max_pool2d", "avg_pool2d"),
        "?",
        around(lambda f, a: f(a) if not _is_identity(a) else np.asarray(a["x"])),
    ),
    Bug("one buffer for all results", "the next call overwrites this result", FORWARD, "?", keeping(_same_buffer)),
)

LEFTOVERS = (
    Bug(
        "filters cached by shape",
        "filters of the same shape are taken for the same filters",
        CONV,
        "?",
        keeping(_filters_by_shape),
    ),
    Bug(
        "filters cached by address",
        "filters at the same address are taken for the same filters, though they have changed",
        CONV,
        "?",
        keeping(_filters_by_address),
    ),
    Bug(
        "options remembered",
        "a stride or padding once given stays for later calls that give none: a mutable default",
        SOME,
        "?",
        keeping(_remembered),
    ),
    Bug(
        "stale border",
        "the padding holds what an earlier, larger image left in the scratch",
        SOME,
        "?",
        bend(gather=_largest_scratch),
        "pytorch#84602",
    ),
    Bug(
        "scratch shared by threads", "threads share one scratch image", SOME, "?", bend(gather=_shared_scratch), "pytorch#84602"
    ),
    Bug(
        "uncleared memory",
        "sums start from what an earlier call left in the memory of the result",
        ("conv_transpose2d", "conv2d_backward", "avg_pool2d_backward"),
        "?",
        bend(scatter=_uncleared),
    ),
    Bug(
        "gradients accumulate",
        "gradients are added to those of the call before",
        ("conv2d_backward", "conv_transpose2d_backward"),
        "?",
        keeping(_accumulated),
    ),
)

BUGS = (*VIEWS, *WRITES, *LEFTOVERS)
