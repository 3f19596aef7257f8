"""Cases: one call each, as frozen data that prints itself as Python; and the Hypothesis strategies that draw them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Case:
    """One call of one operation."""

    operation: str
    arguments: Mapping[str, Any]  # the positional ones, by name and in order: x, weight, bias; kernel_size ...
    options: Mapping[str, Any]  # only those that differ from their defaults
