"""Bugs of refusal: arrays that the contract refuses are accepted."""

from typing import Any

import numpy as np

from verification.bugs.bend import Arguments, Bug, Right, lenient
from verification.operations import CONVOLUTIONS

CONV = ("conv2d",)
SOME = ("conv2d", "max_pool2d")
SEVERAL = (*CONVOLUTIONS, "max_pool2d_backward", "avg_pool2d_backward")  # those that take several arrays


def _nothing(f: Right, a: Arguments) -> Any:  # noqa: ARG001
    """Return a result without rows and columns."""
    x = np.asarray(a["x"])
    return np.zeros((*x.shape[:-2], 0, 0), x.dtype)


def _extra_channels(f: Right, a: Arguments) -> Any:
    """Read as many channels as the weight has."""
    x, w = np.asarray(a["x"]), np.asarray(a["weight"])
    return f(a | {"x": np.take(x, range(w.shape[1] * a["groups"]), -3, mode="wrap")})


def _whole_groups(f: Right, a: Arguments) -> Any:
    """Leave over the channels and filters that do not fill a group."""
    x, w, g = np.asarray(a["x"]), np.asarray(a["weight"]), a["groups"]
    C, K = x.shape[-3] // g * g, len(w) // g * g
    x = np.moveaxis(np.moveaxis(x, -3, 0)[:C], 0, -3)
    return f(a | {"x": x, "weight": w[:K, : C // g], "bias": None if a["bias"] is None else a["bias"][:K]})


def _stretched_bias(f: Right, a: Arguments) -> Any:
    """Repeat or cut the bias to the filters."""
    return f(a | {"bias": np.resize(np.ravel(a["bias"]), len(a["weight"]))})


def _promoted(f: Right, a: Arguments) -> Any:
    """Convert everything to what NumPy would make of the sum."""
    names = [name for name in ("grad_output", "x", "weight", "bias") if a.get(name) is not None]
    dtype = np.result_type(*(np.asarray(a[name]) for name in names))
    return f(a | {name: np.asarray(a[name]).astype(dtype) for name in names})


def _as_integers(f: Right, a: Arguments) -> Any:
    """Take every array as int64."""
    return f(a | {name: np.asarray(a[name]).astype(np.int64) for name in ("x", "weight", "bias") if a.get(name) is not None})


def _zero_gradients(f: Right, a: Arguments) -> Any:  # noqa: ARG001
    """Return gradients of the right shapes."""
    x, w = np.asarray(a["x"]), a.get("weight")
    return np.zeros_like(x) if w is None else (np.zeros_like(x), np.zeros_like(w), np.zeros(len(w), x.dtype))


BUGS = (
    Bug(
        "empty weight accepted",
        "a weight without taps or filters gives an empty result",
        CONV,
        "errors",
        lenient("weight must have at least one", _nothing),
        "mlx#2858",
    ),
    Bug(
        "empty image accepted",
        "an image without rows, columns or channels gives an empty result",
        SOME,
        "errors",
        lenient("must have at least one channel", _nothing),
    ),
    Bug("dtypes promoted", "mixed dtypes are promoted", SEVERAL, "errors", lenient("must share one dtype", _promoted)),
    Bug("bool arrays accepted", "bool arrays are taken as integers", SOME, "errors", lenient("got bool", _as_integers)),
    Bug(
        "complex numbers pooled",
        "complex numbers have a maximum: that of their real parts",
        ("max_pool2d",),
        "errors",
        lenient("complex numbers have no maximum", lambda f, a: f(a | {"x": np.asarray(a["x"]).real})),
    ),
    Bug(
        "integers averaged",
        "integers are averaged as float64",
        ("avg_pool2d",),
        "errors",
        lenient("to be averaged", lambda f, a: f(a | {"x": np.asarray(a["x"]).real.astype(float)})),
    ),
    Bug(
        "surplus channels ignored",
        "channels of x for which the weight has none are ignored",
        CONV,
        "errors",
        lenient("channels per filter", _extra_channels),
    ),
    Bug(
        "surplus groups ignored",
        "channels and filters that do not fill a group are ignored",
        CONV,
        "errors",
        lenient("groups must divide", _whole_groups),
    ),
    Bug(
        "bias stretched",
        "a bias of the wrong length is repeated or cut",
        CONV,
        "errors",
        lenient("bias must have shape", _stretched_bias),
    ),
    Bug(
        "any grad_output accepted",
        "a grad_output of the wrong shape is accepted",
        ("conv2d_backward", "max_pool2d_backward", "avg_pool2d_backward"),
        "errors",
        lenient("grad_output has shape", _zero_gradients),
    ),
)
