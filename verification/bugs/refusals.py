"""Bugs of refusal: options that the contract refuses are accepted, or accepted ones refused, or in the wrong way."""

from typing import Any

import numpy as np

from verification.bugs.bend import Arguments, Bug, Right, around, before, lenient, pair
from verification.operations import FORWARD, OPERATIONS

CONV = ("conv2d",)
SOME = ("conv2d", "max_pool2d")
SIZES = ("stride", "padding", "dilation", "kernel_size", "output_padding")


def options(change: Any) -> Any:
    """Return a repair: ``change`` applied to every number of every size option."""
    return lambda f, a: f(a | {name: _mapped(change, a[name]) for name in SIZES if name in a})


def _ones(f: Right, a: Arguments) -> Any:
    """Take every stride, dilation or window below 1 as 1."""
    names = ("stride", "dilation", "kernel_size")
    return f(a | {name: _mapped(lambda v: max(v, 1), a[name]) for name in names if name in a})


def _mapped(change: Any, value: Any) -> Any:
    if isinstance(value, tuple | list):
        return tuple(_mapped(change, v) for v in value)
    return value if value is None or isinstance(value, str) else change(value)


def _nothing(f: Right, a: Arguments) -> Any:  # noqa: ARG001
    """Return a result without rows and columns."""
    x = np.asarray(a["x"])
    return np.zeros((*x.shape[:-2], 0, 0), x.dtype)


def _changed_places(f: Right, a: Arguments) -> Any:
    """Slide the image over the filter, where the filter is the larger on every axis, as SciPy's mode="valid" does."""
    x, w = np.asarray(a["x"]), np.asarray(a["weight"])
    if any(np.subtract(w.shape[2:], x.shape[2:]) < 0) or a["groups"] != 1 or x.ndim < 4:
        return _raise(ValueError("the window is larger on one axis"))
    return f(a | {"x": w, "weight": x, "bias": None}).swapaxes(0, 1)


def _same_strided(f: Right, a: Arguments) -> Any:
    """Pad as TensorFlow's "same" does with a stride; negative where the stride is larger than the kernel, and so cropped."""
    x, kernel = np.asarray(a["x"]), np.shape(a["weight"])[2:]
    sides = []
    for axis, (size, tap, stride) in enumerate(zip(x.shape[-2:], kernel, pair(a["stride"]), strict=True)):
        total = (-(-size // stride) - 1) * stride + tap - size
        x = np.moveaxis(np.moveaxis(x, axis - 2, 0)[: min(size, size + total)], 0, axis - 2)
        sides.append((max(total, 0) // 2, max(total, 0) - max(total, 0) // 2))
    return f(a | {"x": x, "padding": tuple(sides), "rounding": "floor"})


def _raise(error: Exception) -> Any:
    raise error


def _wrapped(bits: int) -> Any:
    """Keep a size in an unsigned integer of so many bits."""
    return before(lambda a: {k: _mapped(lambda v: v % 2**bits if isinstance(v, int) else v, a[k]) for k in SIZES if k in a})


def _python_integers_only(a: Arguments) -> Arguments:
    for name in SIZES:
        if name in a:
            _mapped(lambda v: v if type(v) is int else _raise(TypeError(f"not an int: {v!r}")), a[name])
    return {}


def _tuples_only(a: Arguments) -> Arguments:
    for name in SIZES:
        if isinstance(a.get(name), list):
            raise TypeError(f"{name} must be an int or a tuple")
    return {}


def _other_error(f: Right, a: Arguments, wrong: type[Exception]) -> Any:
    try:
        return f(a)
    except (TypeError, ValueError) as error:
        raise wrong(str(error)) from None


def _huge_stride(a: Arguments) -> Arguments:
    return {} if a["stride"] is None else {"stride": tuple(int(np.int32(v)) for v in pair(a["stride"]))}


ACCEPTED = (
    Bug(
        "large kernel accepted",
        "a window larger than the padded input gives an empty result",
        SOME,
        "errors",
        lenient("the window is larger", _nothing),
        "keras#21796",
    ),
    Bug(
        "image and filter change places",
        "where the filter is larger than the image on every axis, the two change places",
        CONV,
        "errors",
        lenient("the window is larger", _changed_places),
        "SciPy's correlate2d",
    ),
    Bug(
        "'same' with a stride",
        "padding='same' is accepted with a stride, and works out a negative padding where the stride is larger than the kernel",
        CONV,
        "errors",
        lenient("padding='same' needs stride 1", _same_strided),
        "tensorflow#1991, onnxruntime#10086",
    ),
    Bug(
        "negative padding accepted",
        "negative padding is accepted: taken as 0",
        FORWARD,
        "errors",
        lenient("must be at least 0", options(lambda v: max(v, 0))),
        "pytorch#77514",
    ),
    Bug(
        "zero sizes accepted",
        "a stride, dilation or window of 0 is taken as 1",
        FORWARD,
        "errors",
        lenient("must be at least 1", _ones),
    ),
    Bug(
        "zero groups divide",
        "groups=0 divides by zero",
        CONV,
        "errors",
        lenient("groups must be at least 1", lambda *_: _raise(ZeroDivisionError("division by zero"))),
        "mlx#2858",
    ),
    Bug(
        "floats truncated",
        "a stride or padding of 1.5 is truncated to 1",
        FORWARD,
        "errors",
        lenient("must be an integer", options(lambda v: int(v) if isinstance(v, float) else v)),
    ),
    Bug("bool as a size", "True is taken as a size of 1", FORWARD, "errors", lenient("of type bool", options(int))),
    Bug(
        "any padding of a pool",
        "a pool's padding may be larger than half of its window",
        ("max_pool2d", "avg_pool2d"),
        "errors",
        lenient("at most half of kernel_size", lambda f, a: f(a | {"padding": tuple(v // 2 for v in pair(a["kernel_size"]))})),
    ),
    Bug(
        "unknown padding is 'valid'",
        "an unknown name of a padding is taken as 'valid'",
        CONV,
        "errors",
        lenient("padding must be one of", lambda f, a: f(a | {"padding": 0})),
    ),
    Bug(
        "unknown rounding is 'floor'",
        "an unknown name of a rounding is taken as 'floor'",
        SOME,
        "errors",
        lenient("rounding must be one of", lambda f, a: f(a | {"rounding": "floor"})),
    ),
    Bug(
        "output_padding unlimited",
        "output_padding may be as large as the stride",
        ("conv_transpose2d",),
        "errors",
        lenient("output_padding must be smaller", lambda f, a: f(a | {"output_padding": 0})),
    ),
    Bug(
        "divisor of zero accepted",
        "divisor_override=0 is accepted and divides by zero",
        ("avg_pool2d",),
        "errors",
        lenient("divisor_override must be a nonzero", lambda f, a: f(a | {"divisor_override": None}) * np.inf),
    ),
    Bug("sizes in 32 bits", "sizes wrap at 2^32", SOME, "absurd", _wrapped(32), "tensorflow#112776"),
    Bug("sizes in 64 bits", "sizes wrap at 2^64", SOME, "absurd", _wrapped(64)),
)

REFUSED = (
    Bug("NumPy integers refused", "a size that is a NumPy integer is refused", SOME, "valid", before(_python_integers_only)),
    Bug("lists of sizes refused", "a pair must be a tuple: a list is refused", SOME, "valid", before(_tuples_only)),
    Bug("huge stride refused", "a stride past 2^31 raises", SOME, "valid", before(_huge_stride)),
    Bug(
        "assertions",
        "what must be refused raises AssertionError",
        OPERATIONS,
        "errors",
        around(lambda f, a: _other_error(f, a, AssertionError)),
    ),
    Bug(
        "one kind of error",
        "a value of the wrong kind raises ValueError, not TypeError",
        OPERATIONS,
        "errors",
        around(lambda f, a: _other_error(f, a, ValueError)),
    ),
)

BUGS = (*ACCEPTED, *REFUSED)
