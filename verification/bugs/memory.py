"""Bugs of memory: views misread, inputs changed, results that are inputs."""

from typing import Any

import numpy as np

from contract import Array
from verification.bugs.bend import Arguments, Bug, Right, around, before
from verification.operations import OPERATIONS

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


def _running_in_place(f: Right, a: Arguments) -> Any:
    """Take running maxima in the caller's own image."""
    y, x = f(a), a["x"]
    if isinstance(x, np.ndarray) and x.flags.writeable:
        np.maximum.accumulate(x, -1, out=x)
    return y


def _is_identity(a: Arguments) -> bool:
    sizes = (a["kernel_size"], a["kernel_size"] if a["stride"] is None else a["stride"])
    return all(v in (1, (1, 1)) for v in sizes) and a["padding"] in (0, (0, 0)) and not a.get("return_indices")


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
        "layouts",
        views(_as_if_contiguous),
        "pytorch#180984",
    ),
    Bug(
        "8-byte items",
        "strides are those of 8-byte items, whatever the dtype",
        SOME,
        "layouts",
        views(_eight_byte_items),
        "numpy#13706",
    ),
    Bug(
        "Fortran order misread",
        "Fortran-ordered arrays are read as if they were in C order",
        SOME,
        "layouts",
        views(lambda v: v.ravel("K").reshape(v.shape) if v.flags.f_contiguous and not v.flags.c_contiguous else v),
    ),
    Bug("negative strides lost", "arrays that run backwards are read forwards", SOME, "layouts", views(_positive_strides)),
    Bug("read-only refused", "read-only arrays are refused", OPERATIONS, "layouts", before(_writeable_only)),
    Bug("lists refused", "nested lists are refused: only arrays have a shape", SOME, "layouts", before(_arrays_only)),
)

WRITES = (
    Bug("filters flipped in place", "the caller's weight is left flipped", CONV, "inputs", around(_flipped_in_place)),
    Bug(
        "maxima in place",
        "running maxima are taken in the caller's image",
        ("max_pool2d",),
        "inputs",
        around(_running_in_place),
    ),
    Bug(
        "input returned",
        "a 1x1 window returns the input itself, not a copy",
        ("max_pool2d", "avg_pool2d"),
        "inputs",
        around(lambda f, a: f(a) if not _is_identity(a) else np.asarray(a["x"])),
    ),
)


BUGS = (*VIEWS, *WRITES)
