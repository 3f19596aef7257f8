"""A photograph through the classical filters, by naive and by vectorized: the same to the last bit, or no picture.

The photograph is Grace Hopper's (U.S. Navy, public domain), as matplotlib ships it.
"""

import matplotlib.image
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cbook import get_sample_data

import naive
import vectorized
from docs.figures.drawing import grid, label, picture

BLUR = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])
FILTERS = {  # the filter, what its sum is divided by, and what is added to show it as a grey
    "blur": (BLUR, BLUR.sum(), 0),
    "sharpen": (np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]), 1, 0),
    "Sobel, left to right": (np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]), 4, 128),
    "Sobel, top to bottom": (np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]), 4, 128),
    "emboss": (np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]), 1, 0),
}
LUMA = (299, 587, 114)  # thousandths of red, green and blue in a grey (ITU-R BT.601)


def filtered_photograph() -> Axes:
    """Draw the photograph, and what each filter makes of it."""
    photo = shrunk()
    axes = picture(25.4, 22.6)
    for place, name in enumerate(("original", *FILTERS)):
        shown = photo if name == "original" else filtered(photo, name)
        left, top = 1.2 + 8 * (place % 3), 1 + 10.9 * (place // 3)
        box = (left, left + 7, top + 7 * shown.shape[0] / shown.shape[1], top)
        axes.imshow(shown // 4 * 4, cmap="gray", vmin=0, vmax=255, extent=box, interpolation="none", aspect="auto", zorder=2)
        label(axes, left, top + 8.85, name, ha="left")
        if name != "original":
            kernel = FILTERS[name][0]
            side = 0.44 if len(kernel) == 5 else 0.6
            grid(axes, left + 7 - side * len(kernel), top + 8.35, kernel, size=6, side=side)
    axes.set(xlim=(0, 25.4), ylim=(22.6, 0))
    return axes


def shrunk() -> np.ndarray:
    """Return the photograph in grey at a quarter of its size: one convolution of three channels with stride 4."""
    with get_sample_data("grace_hopper.jpg") as file:
        colours = matplotlib.image.imread(file, format="jpg").transpose(2, 0, 1).astype(np.int64)  # (3, 600, 512)
    weight = np.broadcast_to(np.reshape(LUMA, (1, 3, 1, 1)), (1, 3, 4, 4))
    return same(colours, weight, stride=4)[0] // (16 * sum(LUMA))


def filtered(photo: np.ndarray, name: str) -> np.ndarray:
    """Return the photograph through one filter, as greys from 0 to 255."""
    kernel, divisor, offset = FILTERS[name]
    sums = same(photo[np.newaxis], kernel[np.newaxis, np.newaxis])[0]
    return np.clip(sums // divisor + offset, 0, 255).astype(np.uint8)


def same(x: np.ndarray, weight: np.ndarray, stride: int = 1) -> np.ndarray:
    """Return the convolution that naive and vectorized agree on, to the bit."""
    slow, fast = naive.conv2d(x, weight, stride=stride), vectorized.conv2d(x, weight, stride=stride)
    if not np.array_equal(slow, fast):
        raise ArithmeticError("naive and vectorized disagree")
    return slow
