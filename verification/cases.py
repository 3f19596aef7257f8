"""Cases: one call each, as frozen data that prints itself as a block of Python to paste and run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from verification.operations import OPTIONS, outputs


@dataclass(frozen=True, eq=False)
class Case:
    """One call of one operation.

    ``sources`` gives, for an argument whose layout or size matters (a view, a large array), the expression that makes it;
    what has no source is printed value by value, exactly.
    """

    operation: str
    arguments: Mapping[str, Any]  # the positional ones, by name and in order: x, weight, bias; kernel_size ...
    options: Mapping[str, Any]  # only those that differ from their defaults
    sources: Mapping[str, str] = field(default_factory=dict)  # argument -> a Python expression in np (and Fraction)

    def option(self, name: str) -> Any:
        """Return the value of an option, given or default."""
        return self.options.get(name, OPTIONS[self.operation][name])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the dtype of x, in native byte order: the result's."""
        dtype: np.dtype[Any] = np.asarray(self.arguments["x"]).dtype
        return dtype.newbyteorder("=")

    @property
    def outputs(self) -> tuple[str, ...]:
        """Return the names of the arrays that the call returns."""
        return outputs(self.operation, bool(self.options.get("return_indices", False)))

    def code(self, import_line: str) -> str:
        """Return a block of Python that makes the call and prints its result.

        >>> print(Case("max_pool2d", {"x": np.array([[[1, 2, 5]]]), "kernel_size": (1, 2)}, {"stride": 1}).code(
        ...     "from my_pool import max_pool2d"))
        import numpy as np
        from my_pool import max_pool2d
        x = np.array([[[1, 2, 5]]], dtype=np.int64)
        print(max_pool2d(x, (1, 2), stride=1))
        """
        assigned, given = [], []
        for name, value in self.arguments.items():
            if name in self.sources or isinstance(value, np.ndarray):
                assigned.append(f"{name} = {self.sources.get(name) or literal(value)}")
                given.append(name)
            else:
                given.append(literal(value))
        given += [f"{name}={literal(value)}" for name, value in self.options.items()]
        imports = ["import numpy as np", import_line]
        call = f"print({self.operation}({', '.join(given)}))"
        if "Fraction(" in "".join([*assigned, call]):
            imports.insert(0, "from fractions import Fraction")
        return "\n".join([*imports, *assigned, call])


def literal(value: Any) -> str:
    """Return a Python expression, in np and Fraction, that gives ``value`` again, to the bit.

    >>> literal(np.array([[0.5, -np.inf]], dtype=np.float16))
    'np.array([[0.5, -np.inf]], dtype=np.float16)'
    """
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' * (len(value) == 1)})"
    if isinstance(value, np.generic):
        return f"np.{value.dtype.name}({literal(value.item())})"
    return _number(value)


def _array(array: np.ndarray[Any, Any]) -> str:
    """Return the expression for an array, as a copy in plain order."""
    dtype = f"np.{array.dtype.name}" if array.dtype.isnative else repr(array.dtype.str)
    if array.dtype == object:
        dtype = "object"
    if array.size == 0:
        return f"np.zeros({array.shape}, dtype={dtype})"
    values = array.tolist()
    if array.dtype.kind == "f" and _all_whole(array.astype(np.float64)):
        values = array.astype(np.int64).tolist()  # 1 is shorter than 1.0, and the dtype is named
    return f"np.array({literal(values)}, dtype={dtype})"


def _all_whole(array: np.ndarray[Any, Any]) -> bool:
    """Return whether integers would say the same as these floats."""
    finite = np.where(np.isfinite(array), array, 0.5)
    negative_zero = (finite == 0) & np.signbit(finite)
    return bool(np.all((finite == np.rint(finite)) & (abs(finite) < 2.0**53) & ~negative_zero))


def _number(value: Any) -> str:
    """Return the expression for a number, or the repr of what is none."""
    if isinstance(value, complex):
        return f"complex({_number(value.real)}, {_number(value.imag)})"
    if isinstance(value, float) and not np.isfinite(value):
        return repr(value).replace("nan", "np.nan").replace("inf", "np.inf")
    if isinstance(value, Fraction):
        return f"Fraction({value.numerator}, {value.denominator})"
    return repr(value)
