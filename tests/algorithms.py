"""Every algorithm of the vectorized convolution as an implementation of its own, by name: what test_conformance verifies."""

from functools import partial, wraps
from types import SimpleNamespace
from typing import Any

from vectorized import ALGORITHMS, conv2d


@wraps(conv2d)
def pointwise(*arguments: Any, **options: Any) -> Any:
    """Take the algorithm for 1×1 filters wherever it can: by itself it does too little for the suite to trust a pass."""
    try:
        return conv2d(*arguments, **options, algorithm="pointwise")
    except NotImplementedError:
        return conv2d(*arguments, **options, algorithm="im2col")


IMPLEMENTATIONS = {
    name: SimpleNamespace(
        conv2d=pointwise if name == "pointwise" else partial(conv2d, algorithm=name), error_class=algorithm.error_class
    )
    for name, algorithm in ALGORITHMS.items()
}
