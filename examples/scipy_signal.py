"""SciPy's correlations: ``scipy.signal.correlate`` by its definition, and ``correlate2d``, channel by channel.

python -m pip install "samesum[examples]"
pytest --pyargs verification --implementation examples/scipy_signal.py
pytest --pyargs verification --implementation examples/scipy_signal.py:FFT
pytest --pyargs verification --implementation examples/scipy_signal.py:TwoDimensional
"""

import numpy as np
from scipy.signal import correlate, correlate2d


def conv2d(x, weight):
    """Correlate each image with each filter over all three axes."""
    return _correlated(x, weight, "direct")


class FFT:
    """The same by Fourier transforms, which promise less."""

    error_class = "fft"

    @staticmethod
    def conv2d(x, weight):
        """Correlate by Fourier transforms, which round integers."""
        if images(x).dtype.kind not in "fc":
            raise NotImplementedError("Fourier transforms of integers")
        return _correlated(x, weight, "fft")


class TwoDimensional:
    """One plane at a time."""

    @staticmethod
    def conv2d(x, weight):
        """Correlate each channel with its own part of each filter, and add up."""
        x, filters = images(x), np.conj(weight)
        planes = [[[correlate2d(*each, "valid") for each in zip(image, w, strict=True)] for w in filters] for image in x]
        return np.sum(planes, 2, x.dtype)


def _correlated(x, weight, method):
    x, filters = images(x), np.conj(weight)  # SciPy conjugates the second
    y = [[np.squeeze(correlate(image, w, "valid", method), 0) for w in filters] for image in x]
    return np.array(y, x.dtype)


def images(x):
    """Return a batch in native byte order; of none, SciPy would give a result without a shape."""
    x = np.asarray(x)
    if not len(x):
        raise NotImplementedError("an empty batch")
    return x.astype(x.dtype.newbyteorder("="), copy=False)
