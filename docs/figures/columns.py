"""Pictures of im2col: one receptive field traced through the matrix product, and how often each pixel is copied."""
# ruff: noqa: RUF001 - a picture shows × and −, not x and -

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

import vectorized
from docs.figures.drawing import BLUE, GREY, ORANGE, PAPER, RED, arrow, frame, grid, label, number, picture, products, tint

PLANES = np.array([[[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[0, 1, 0], [2, 0, 1], [1, 3, 2]]])
FILTERS = np.array([[[[1, 0], [0, -1]], [[0, 2], [1, 0]]], [[[0, 1], [1, 0]], [[-1, 0], [0, 3]]]])
TRACED = (0, 1)  # the window that is followed: row, column
COPIES = [(1, 0), (1, 1), (2, 0), (3, 1)]  # stride, padding


def stretched_columns() -> Axes:
    """Draw an image of two channels, its columns, the filters as rows, their product and the result it is reshaped to."""
    stretched = vectorized.im2col(PLANES, 2)  # (8, 4)
    rows = FILTERS.reshape(2, -1)  # (2, 8)
    result = vectorized.conv2d(PLANES, FILTERS)  # (2, 2, 2)
    i, j = TRACED
    window = i * 2 + j
    axes = picture(27.4, 15.4)
    for channel in (0, 1):
        left, top = 1 + 4 * channel, 4
        label(axes, left + 1.5, top + 3.6, f"channel {channel}")
        fill = np.full((3, 3), PAPER, dtype=object)
        fill[i : i + 2, j : j + 2] = tint((ORANGE, RED)[channel], 0.35)
        grid(axes, left, top, PLANES[channel], fill)
        frame(axes, left + j, top + i, 2, 2, (ORANGE, RED)[channel])
        middle = 3.5 + 4 * channel
        axes.plot([11.7, 11.4, 11.4, 11.7], np.array([-1.8, -1.8, 1.8, 1.8]) + middle, color=(ORANGE, RED)[channel], lw=1.6)
        start = (left + j + 2, top + i + 1) if channel else (left + j + 1, top + i)
        arrow(axes, start, (11.3, middle), (ORANGE, RED)[channel], 0 if channel else -0.2)
    fill = np.full((8, 4), PAPER, dtype=object)
    fill[:4, window], fill[4:, window] = tint(ORANGE, 0.35), tint(RED, 0.35)
    grid(axes, 12, 1.5, stretched, fill)
    frame(axes, 12 + window, 1.5, 4, 1, ORANGE)
    frame(axes, 12 + window, 5.5, 4, 1, RED)
    label(axes, 16.4, 5.1, "columns 8 × 4:", ha="left")
    label(axes, 16.4, 5.9, "one for each window", ha="left", color=GREY)
    grid(axes, 1, 11, rows, [[tint(BLUE, 0.25)] * 8, [PAPER] * 8])
    frame(axes, 1, 11, 1, 8, BLUE)
    label(axes, 5, 13.6, "rows 2 × 8: one for each filter")
    label(axes, 10.5, 12, "×", size=14)
    product = result.reshape(2, 4)
    fill = np.full((2, 4), PAPER, dtype=object)
    fill[0, window] = tint(BLUE, 0.55)
    grid(axes, 12, 11, product, fill)
    frame(axes, 12 + window, 11, 1, 1, BLUE)
    arrow(axes, (12.5 + window, 9.6), (12.5 + window, 10.9), RED)
    arrow(axes, (9.1, 11.5), (11.9, 11.5), BLUE)
    label(axes, 14, 13.6, "product 2 × 4")
    for k in (0, 1):
        fill = np.full((2, 2), PAPER, dtype=object)
        if k == 0:
            fill[i, j] = tint(BLUE, 0.55)
        grid(axes, 20.6 + 3 * k, 11, result[k], fill)
        label(axes, 21.6 + 3 * k, 13.6, f"slice {k}")
    frame(axes, 20.6 + j, 11 + i, 1, 1, BLUE)
    label(axes, 18.2, 11.5, "reshape", size=9, color=GREY)
    arrow(axes, (16.4, 12), (20.2, 12))
    text = f"{products(rows[0], stretched[:, window])} = {number(result[0, i, j])}"
    label(axes, 14, 14.6, text, size=9.5, color=BLUE)
    return axes


def duplication() -> Axes:
    """Draw, for several strides and paddings, how often im2col copies each pixel of a 7×7 image with F = 3."""
    axes = picture(34, 11.2, 0.27)
    shades = colormaps["Blues"]
    for place, (stride, padding) in enumerate(COPIES):
        left = 1.2 + 8.2 * place
        copies = counted(7, 3, stride, padding)
        fill = [[to_hex(shades(0.05 + 0.075 * n)) for n in line] for line in copies]
        grid(axes, left, 2, copies, fill, size=9)
        label(axes, left + 3.5, 1.2, f"S = {stride}, P = {padding}", weight="bold")
        label(axes, left + 3.5, 9.7, f"{copies.sum()} copies of 49 pixels", size=9)
        label(axes, left + 3.5, 10.4, f"{copies.sum() / 49:.2f} each", size=9, color=GREY)
    return axes


def counted(W: int, F: int, S: int, P: int) -> np.ndarray:
    """Return how often im2col copies each pixel of a W×W image: numbered from one, stretched, and counted."""
    pixels = np.arange(1, W * W + 1).reshape(1, W, W)  # a zero is padding
    stretched = vectorized.im2col(pixels, F, stride=S, padding=P)
    return np.bincount(stretched.ravel(), minlength=W * W + 1)[1:].reshape(W, W)
