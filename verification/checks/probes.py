"""One-hot probes of convolutions: calls that show a whole operator, the results that are due, and a difference in words.

Every convolution here is one bilinear sum, over the cells p of an image and the taps t of a filter, with T[p, t, w] from
taps.py (1 where tap t of window w reads cell p; transposed: where it lands on cell w):

    y[n, k, w] = sum(x[n, c, p] * full[k, c, t] * T[p, t, w])          full: the filters, with zeros for the other groups

One argument is one-hot, tap by tap or cell by cell, and another is coded: each cell is known by its number, so that a result
says which cells a tap is multiplied with. So every product that an implementation takes shows. (Float32 alone has too few
bits for codes where Winograd's algorithms and Fourier's round: there images are one-hot, too.)

Letters: N images, C channels, K filters, G groups of D channels; H×W pixels, R×S taps, P×Q cells of the result.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from contract import Array
from verification.cases import Case
from verification.checks.calls import Index, Probe
from verification.checks.taps import Plane, operator

# ----------------------------------------------------------------------------------------------------- the bilinear sum


def forward(x: Array, full: Array, T: Array) -> Array:
    """Return y (N, K, P*Q)."""
    columns = np.tensordot(x.reshape(*x.shape[:2], -1), T, 1)  # (N, C, R*S, P*Q)
    return np.moveaxis(np.tensordot(columns, full, ((1, 2), (1, 2))), 2, 1)


def to_x(grad: Array, full: Array, T: Array) -> Array:
    """Return the gradient of y with respect to x, (N, C, H*W)."""
    columns = np.tensordot(grad.reshape(*grad.shape[:2], -1), full, ((1,), (0,)))  # (N, P*Q, C, R*S)
    return np.tensordot(columns, T, ((1, 3), (2, 1)))


def to_weight(grad: Array, x: Array, T: Array) -> Array:
    """Return the gradient of y with respect to the full filters, (K, C, R*S)."""
    columns = np.tensordot(x.reshape(*x.shape[:2], -1), T, 1)  # (N, C, R*S, P*Q)
    return np.tensordot(grad.reshape(*grad.shape[:2], -1), columns, ((0, 2), (0, 3)))


def unfolded(weight: Array, groups: int, transposed: bool) -> Array:
    """Return the filters over all channels, (K, C, R*S), with zeros where a filter and a channel are of different groups."""
    outer, depth = len(weight), weight.shape[1]
    share = outer // groups
    full = np.zeros((outer, groups * depth, *weight.shape[2:]), weight.dtype)
    for g in range(groups):
        full[g * share : (g + 1) * share, g * depth : (g + 1) * depth] = weight[g * share : (g + 1) * share]
    full = full.reshape(*full.shape[:2], -1)
    return full.swapaxes(0, 1) if transposed else full


def folded(full: Array, shape: Index, groups: int, transposed: bool) -> Array:
    """Return what ``unfolded`` spread out, in the weight's own shape."""
    full = full.swapaxes(0, 1) if transposed else full
    share, depth = shape[0] // groups, shape[1]
    own = [full[g * share : (g + 1) * share, g * depth : (g + 1) * depth] for g in range(groups)]
    return np.concatenate(own).reshape(shape)


# --------------------------------------------------------------------------------------------------------------- probes


def convolution(operation: str, plane: Plane, groups: int, depth: int, dtype: Any) -> Iterator[Probe]:
    """Yield the probe of ``conv2d`` or ``conv_transpose2d``: all one-hot filters against two coded images, in one call."""
    transposed = operation == "conv_transpose2d"
    (H, W), (R, S), C, T = plane.size, plane.taps, groups * depth, operator(plane, transposed)
    P, Q = plane.result if transposed else plane.windows
    x = images(C * H * W, dtype).reshape(-1, C, H, W)
    weight = one_hot_filters(groups, depth, R, S, transposed)
    weight = (weight * numbered(groups, len(weight) // groups)).astype(dtype)
    due = forward(x, unfolded(weight, groups, transposed), T).reshape(len(x), -1, P, Q)

    def words(_name: str, index: Index, y: Array) -> str:
        n, k, i, j = index
        c, r, s = (int(v) for v in np.unravel_index(k, (C, R, S)))
        tap = f"weight[c, k, {r}, {s}]" if transposed else f"weight[k, {c % depth}, {r}, {s}]"
        of = "" if groups == 1 else f" (k of group {c // depth})"
        group = c // depth + 1.0  # what the taps of a group hold

        def read(values: Array) -> Array | float:
            if len(x) > 2:
                return np.asarray(values[:, k, i, j].reshape(C, H, W) / group)
            return decoded(values[index] / group, x[n])

        right, wrong = (cells("x[n, {}, {}, {}]", read(v), f" * {tap}") for v in (due, y))
        return f"y[n, k, {i}, {j}]{of} should read {right or 'only padding'}; it reads {wrong or 'nothing'}"

    arguments = {"x": x, "weight": weight, "bias": None}
    yield Probe(conv_case(operation, arguments, plane, groups), {"y": due}, words)


def images(n: int, dtype: Any) -> Array:
    """Return n cells in two codes, one the other way round; or, in float32, with each cell one-hot in an image of its own."""
    if np.dtype(dtype) == np.float32:
        return np.eye(n, dtype=dtype)
    coded = code(n, dtype)
    return np.stack([coded, coded[::-1]])


def conv2d_backward(operation: str, plane: Plane, groups: int, depth: int, dtype: Any) -> Iterator[Probe]:
    """Yield one call: a coded grad_output for each group, against filters and an image that are one-hot by channels.

    A group has ``depth`` times as many channels as there are taps, or pixels: channel c has its 1 at tap c and pixel c.
    """
    (H, W), (R, S), (P, Q), T = plane.size, plane.taps, plane.windows, operator(plane)
    D = depth * max(R * S, H * W)
    grad = code(groups * P * Q, dtype).reshape(1, groups, P, Q)
    weight = (np.tile(np.eye(D, R * S), (groups, 1, 1)).reshape(groups, D, R, S) * numbered(groups, 1)).astype(dtype)
    x = (np.tile(np.eye(D, H * W), (groups, 1)).reshape(-1, H, W) * numbered(groups, D)[..., 0])[np.newaxis].astype(dtype)

    def words(name: str, index: Index, got: Array) -> str:
        if name == "grad_bias":
            return (
                f"grad_bias[{index[0]}] should be the sum of grad_output[:, {index[0]}], {due[name][index]}; got {got[index]}"
            )
        of_x, (c, r, s) = name == "grad_x", index[1:]
        group, place = (c // D, c % D) if of_x else (index[0], c)
        argument, columns = ("weight", S) if of_x else ("x", W)
        one = f" * {argument}[k, {place}, {place // columns}, {place % columns}]"
        right, wrong = (
            cells("grad_output[{}, {}, {}, {}]", decoded(v[index] / (group + 1.0), grad), one) for v in (due[name], got)
        )
        message = f"{name}[k, {c}, {r}, {s}] should get {right or 'nothing'}; it gets {wrong or 'nothing'}"
        return message.replace("x[k", "x[n")

    due = {
        "grad_x": to_x(grad, unfolded(weight, groups, False), T).reshape(1, -1, H, W),
        "grad_weight": folded(to_weight(grad, x, T), weight.shape, groups, False),
        "grad_bias": grad.sum((0, 2, 3)),
    }
    yield Probe(conv_case(operation, {"grad_output": grad, "x": x, "weight": weight}, plane, groups), due, words)


def conv_transpose2d_backward(operation: str, plane: Plane, groups: int, depth: int, dtype: Any) -> Iterator[Probe]:
    """Yield two calls: coded grad_outputs against one-hot filters; then one-hot ones, one a filter, against a coded image."""
    (H, W), (R, S), (P, Q), C, T = plane.size, plane.taps, plane.result, groups * depth, operator(plane, True)
    coded = code(groups * P * Q, dtype).reshape(1, groups, P, Q)
    taps = np.eye(R * S, dtype=dtype)
    grad = np.einsum("mt,gij->mgtij", taps, coded[0]).reshape(R * S, -1, P, Q)  # (R*S, G*R*S, P, Q): image t through tap t
    weight = (np.tile(taps.reshape(1, R * S, R, S), (C, 1, 1, 1)) * numbered(groups, depth)).astype(dtype)  # (C, R*S, R, S)

    def words_x(name: str, index: Index, got: Array) -> str:
        if name == "grad_bias":
            return f"grad_bias[{index[0]}] should be the sum of grad_output[:, {index[0]}], {due_b[index]}; got {got[index]}"
        m, c, p, q = index
        tap = f"weight[{c}, k, {m // S}, {m % S}] * "
        right, wrong = (
            cells("grad_output[n, k, {2}, {3}]", decoded(v[index] / (c // depth + 1.0), coded), "", tap) for v in (due_x, got)
        )
        return f"grad_x[n, {c}, {p}, {q}] should get {right or 'nothing'}; it gets {wrong or 'nothing'}"

    due_x, due_b = to_x(grad, unfolded(weight, groups, True), T).reshape(-1, C, H, W), grad.sum((0, 2, 3))
    x = np.zeros((R * S, C, H, W), dtype)
    case = conv_case(operation, {"grad_output": grad, "x": x, "weight": weight}, plane, groups)
    yield Probe(case, {"grad_x": due_x, "grad_bias": due_b}, words_x)

    image = code(C * H * W, dtype).reshape(1, C, H, W)
    grad = np.tile(np.eye(P * Q).reshape(-1, P, Q), (groups, 1, 1)) * numbered(groups, P * Q)[..., 0]
    grad = grad[np.newaxis].astype(dtype)  # (1, G*P*Q, P, Q)
    weight = np.ones((C, P * Q, R, S), dtype)

    def words_w(_name: str, index: Index, got: Array) -> str:
        c, k, r, s = index
        g = f"grad_output[n, k, {k // Q}, {k % Q}] * "
        group = c // depth + 1.0  # what the cells of a group hold
        right, wrong = (cells("x[{}, {}, {}, {}]", decoded(v[index] / group, image), "", g) for v in (due_w, got))
        return f"grad_weight[{c}, k, {r}, {s}] should get {right or 'nothing'}; it gets {wrong or 'nothing'}"

    due_w = folded(to_weight(grad, image, T), weight.shape, groups, True)
    case = conv_case(operation, {"grad_output": grad, "x": image, "weight": weight}, plane, groups)
    yield Probe(case, {"grad_weight": due_w}, words_w)


def numbered(groups: int, each: int) -> Array:
    """Return the numbers of the groups from 1, each so many times, (groups*each, 1, 1, 1): no group passes for another."""
    return np.repeat(1.0 + np.arange(groups), each).reshape(-1, 1, 1, 1)


def one_hot_filters(groups: int, depth: int, R: int, S: int, transposed: bool) -> Array:
    """Return one filter for each tap (c, r, s) of a group, 1 there, (G*D*R*S, D, R, S); transposed (G*D, D*R*S, R, S)."""
    every = np.eye(depth * R * S).reshape(-1, depth, R, S)
    return np.tile(every.swapaxes(0, 1) if transposed else every, (groups, 1, 1, 1))


def conv_case(operation: str, arguments: dict[str, Any], plane: Plane, groups: int) -> Case:
    """Return the call of a convolution on a plane."""
    return Case(operation, arguments, plane.options(operation) | ({} if groups == 1 else {"groups": groups}))


# --------------------------------------------------------------------------------------------------------------- codes


def code(n: int, dtype: Any) -> Array:
    """Return n numbers to know cells by: powers of 4, 3 or 2 while they and their sums are exact in float32."""
    base = next((b for b in (4, 3, 2) if b**n <= 2**21), 0)
    if base:
        return np.power(float(base), np.arange(n)).astype(dtype)
    return np.random.default_rng(n).choice(2**14, n, replace=False).astype(dtype) + 1


def decoded(value: Any, codes: Array) -> Array | float:
    """Return how often each cell of ``codes`` is in ``value``, or ``value`` itself if it is no such sum."""
    flat = codes.ravel()
    found = np.zeros(flat.size)
    if flat.size > 1 and flat[0] == 1 and np.all(flat[1:] % flat[1] == 0) and value >= 0:
        rest = value
        for place in range(flat.size - 1, -1, -1):
            found[place], rest = divmod(rest, flat[place])
    else:
        found[flat == value], rest = 1, value * (value not in flat)
    return float(value) if rest else found.reshape(codes.shape)


def cells(template: str, count: Array | float, after: str = "", before: str = "") -> str:
    """Return the cells that ``count`` is not 0 at, in words, the first three; or what is no sum of cells, as a number."""
    if isinstance(count, float):
        return f"{before}{shortly(count)}{after}"
    places = np.argwhere(count != 0)
    found = []
    for place in places[:3]:
        times = float(count[tuple(place)])
        found.append(("" if times == 1 else f"{shortly(times)} * ") + before + template.format(*place) + after)
    return " + ".join(found) + (f" + {len(places) - 3} more" if len(places) > 3 else "")


def shortly(number: float) -> str:
    """Return a number in few digits, if these say it all."""
    return f"{number:g}" if float(f"{number:g}") == number else repr(number)
