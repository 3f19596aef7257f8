"""NumPy's buffers, held small: rows that do not follow each other are not copied before they are added.

Where the rows of an array are apart, NumPy copies as many as its buffer of 8192 values holds, adds there, and copies the sums
back, as if all had to be cast. With a buffer of 512 values, rows of some 200 to 2000 take a half to a third of that time, and
shorter ones hardly longer (``python -m benchmarks.buffers``). With smaller buffers casts would be slow, which need them.
"""

import numpy as np

VALUES = 512
FEW = 2**14  # values: to hold the buffers small takes as long as is gained by it


def hold_small(values: int) -> None:
    """Hold the buffers small, until the ``np.errstate`` that this is in ends, if there are so many ``values`` that it pays.

    >>> with np.errstate():  # as NumPy has it since 2.0
    ...     hold_small(10**6)
    ...     np.getbufsize()
    512
    >>> np.getbufsize()
    8192
    """
    if values > FEW:
        np.setbufsize(VALUES)
