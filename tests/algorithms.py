"""Every algorithm of the vectorized convolution as an implementation of its own, by name: what test_conformance verifies."""

from functools import partial
from types import SimpleNamespace

from vectorized import ALGORITHMS, conv2d

IMPLEMENTATIONS = {
    name: SimpleNamespace(conv2d=partial(conv2d, algorithm=name), error_class=algorithm.error_class)
    for name, algorithm in ALGORITHMS.items()
}
