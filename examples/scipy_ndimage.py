"""SciPy's filters of a moving window, ``maximum_filter`` and ``uniform_filter``, as poolings: every stride-th window is taken.

python -m pip install "samesum[examples]"
pytest --pyargs verification --implementation examples/scipy_ndimage.py
"""

import numpy as np
from scipy.ndimage import maximum_filter, uniform_filter

from examples import pair


def max_pool2d(x, kernel_size, *, stride=None):
    """Call ``scipy.ndimage.maximum_filter``."""
    return _pool(maximum_filter, x, kernel_size, stride)


def avg_pool2d(x, kernel_size, *, stride=None):
    """Call ``scipy.ndimage.uniform_filter``."""
    return _pool(uniform_filter, x, kernel_size, stride)


def _pool(filtered, x, kernel_size, stride):
    x, kernel = np.asarray(x), pair(kernel_size)
    steps = pair(kernel_size if stride is None else stride)
    y = filtered(x, kernel, mode="constant", axes=(-2, -1))
    rows, columns = (  # a window is named by its middle: the first lies inside from there on
        slice(f // 2, size - (f - 1) // 2, step) for size, f, step in zip(x.shape[-2:], kernel, steps, strict=True)
    )
    return y[..., rows, columns].copy()
