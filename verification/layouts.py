"""The forms in which the same numbers may lie in memory, each as a function and as the Python that makes it.

Every one keeps all values, so every one must give the same result. Where the memory between the values belongs to nobody, it
is poisoned with NaN, or with the largest integer: whoever reads it shows it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from contract import Array
from verification.cases import Case, literal


class Layout(NamedTuple):
    """One form: what it is called, the expression in ``a`` (and ``POISON``) that makes it, and the same as a function."""

    name: str
    text: str
    make: Callable[[Array, Any], Any]


LAYOUTS = (
    Layout("read-only", "np.broadcast_to(a, a.shape)", lambda a, _: np.broadcast_to(a, a.shape)),
    Layout("in Fortran order", "np.asfortranarray(a)", lambda a, _: np.asfortranarray(a)),
    Layout(
        "channels last in memory",
        "np.moveaxis(np.moveaxis(a, -3, -1).copy(), -1, -3)",
        lambda a, _: np.moveaxis(np.moveaxis(a, -3, -1).copy(), -1, -3) if a.ndim > 2 else a,
    ),
    Layout(
        "every other cell of a larger array",
        "np.stack([a, np.full_like(a, POISON)], -1)[..., 0]",
        lambda a, poison: np.stack([a, np.full_like(a, poison)], -1)[..., 0],
    ),
    Layout(
        "the middle of a larger array",
        "np.pad(a, 1, constant_values=POISON)[(slice(1, -1),) * a.ndim]",
        lambda a, poison: np.pad(a, 1, constant_values=poison)[(slice(1, -1),) * a.ndim],
    ),
    Layout("with negative strides", "np.flip(np.flip(a).copy())", lambda a, _: np.flip(np.flip(a).copy())),
    Layout("in the other byte order", "a.astype('>f8')", lambda a, _: a.astype(a.dtype.newbyteorder())),
    Layout(
        "not aligned in memory",
        "np.frombuffer(b' ' + a.tobytes(), a.dtype, offset=1).reshape(a.shape)",
        lambda a, _: np.frombuffer(b" " + a.tobytes(), a.dtype, offset=1).reshape(a.shape),
    ),
    Layout("of a subclass of ndarray", "a.view(np.recarray)", lambda a, _: a.view(np.recarray)),
    Layout("nested lists", "a.tolist()", lambda a, _: a.tolist()),
)


def laid_out(case: Case, layout: Layout) -> Case | None:
    """Return the case with all its arrays in this form; ``None`` if its dtype has no such form."""
    poison = np.iinfo(case.dtype).max if case.dtype.kind in "iu" else np.nan
    if layout.name == "nested lists" and case.dtype not in (np.float64, np.int64):
        return None  # lists hold Python's numbers: these are their dtypes
    arguments, sources = dict(case.arguments), {}
    for name, value in case.arguments.items():
        if isinstance(value, np.ndarray) and value.size:
            arguments[name] = layout.make(value, poison)
            text = layout.text.replace("POISON", literal(poison)).replace(">f8", f">{value.dtype.str[1:]}")
            sources[name] = f"(lambda a: {text})({literal(value)})"
    return replace(case, arguments=arguments, sources=sources)


def repeated(case: Case) -> Case:
    """Return the case with an x whose rows repeat one value, as a view that has it only once (a stride of zero)."""
    x = np.asarray(case.arguments["x"])
    value = literal(x[..., :1])
    source = f"np.broadcast_to({value}, {x.shape})"
    return replace(case, arguments={**case.arguments, "x": np.broadcast_to(x[..., :1], x.shape)}, sources={"x": source})
