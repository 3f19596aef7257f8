"""The checks of algebra: for each relation a wrong function that breaks it, found in the words of the relation."""

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import vectorized
from verification.checks import conv_algebra, linear, pool_algebra, symmetry
from verification.checks.algebra import CHECKS, holding
from verification.checks.claims import Relation
from verification.implementation import Implementation
from verification.outcome import Check, Outcome
from verification.runner import run_check
from wrong import Bug, Function, flipped, last_group, overlaps_assigned


def judged(relation: Relation, operation: str, function: Function) -> Outcome:
    implementation = Implementation.of(SimpleNamespace(**{operation: function}), "planted", strict=True)
    return run_check(implementation, operation, Check("relation", (operation,), holding({operation: (relation,)}), ""))


def after(change: Function) -> Bug:
    """Return the bug that changes the result, or the first array of it."""

    def bug(right: Function) -> Function:
        def wrong(*a: Any, **o: Any) -> Any:
            found = right(*a, **o)
            return (change(found[0]), *found[1:]) if isinstance(found, tuple) else change(found)

        return wrong

    return bug


def without(option: str, value: Any = None) -> Bug:
    """Return the bug that ignores an option (of 1 or more) in what is worked out, and cuts the result to the right shape."""

    def bug(right: Function) -> Function:
        def wrong(*a: Any, **o: Any) -> Any:
            due, found = right(*a, **o), right(*a, **{**o, option: value, "rounding": "floor"} if option in o else o)
            return tuple(map(_cut, found, due)) if isinstance(due, tuple) else _cut(found, due)

        return wrong

    return bug


def _cut(array: Any, like: Any) -> Any:
    return array[tuple(slice(n) for n in like.shape)]


def bias_twice(right: Function) -> Function:
    return lambda x, w, b=None, **o: right(x, w, None if b is None else 2 * b, **o)


def bias_per_tap(right: Function) -> Function:
    return lambda x, w, b=None, **o: right(x, w, None if b is None else b * w.shape[2] * w.shape[3], **o)


def first_bias(right: Function) -> Function:
    return lambda x, w, b=None, **o: right(x, w, None if b is None else np.full_like(b, b[0]), **o)


def edges_repeated(right: Function) -> Function:
    """Return a convolution that pads with the image's edges."""

    def wrong(x: Any, w: Any, b: Any = None, *, padding: Any = 0, **o: Any) -> Any:
        if not isinstance(padding, int):
            return right(x, w, b, padding=padding, **o)
        around = [(0, 0)] * (x.ndim - 2) + [(padding, padding)] * 2
        return right(np.pad(x, around, mode="edge"), w, b, **o)

    return wrong


def product_only(right: Function) -> Function:
    """Return a convolution with 1x1 filters that reads the first pixels, whatever the stride."""

    def wrong(x: Any, w: Any, b: Any = None, **o: Any) -> Any:
        due = right(x, w, b, **o)
        if w.shape[2:] != (1, 1):
            return due
        return _cut(right(x, w, b, **{name: v for name, v in o.items() if name in ("groups", "padding")}), due)

    return wrong


def without_output_padding(right: Function) -> Function:
    def wrong(*a: Any, output_padding: Any = 0, **o: Any) -> Any:
        y = right(*a, output_padding=output_padding, **o)
        if output_padding:
            y[..., -1, :] = 0
        return y

    return wrong


def from_zero(right: Function) -> Function:
    """Return a max pooling whose maximum starts at zero."""

    def wrong(*a: Any, **o: Any) -> Any:
        found = right(*a, **o)
        return (np.maximum(found[0], 0), found[1]) if isinstance(found, tuple) else np.maximum(found, 0)

    return wrong


def wrong_indices(right: Function) -> Function:
    def wrong(*a: Any, **o: Any) -> Any:
        found = right(*a, **o)
        return (found[0], found[1] // 2) if isinstance(found, tuple) else found

    return wrong


def two_values(right: Function) -> Function:
    def wrong(*a: Any, **o: Any) -> Any:
        found = right(*a, **o)
        return (found[0] + 1, found[1]) if isinstance(found, tuple) else found

    return wrong


def with_option(option: str) -> Bug:
    """Return the bug of a branch: where an option is given, and not 1, the result is another."""

    def bug(right: Function) -> Function:
        return lambda *a, **o: after(lambda y: 2 * y + 1)(right)(*a, **o) if o.get(option, 1) != 1 else right(*a, **o)

    return bug


def first_image_only(right: Function) -> Function:
    """Return a gradient whose bias is that of the first image."""

    def wrong(g: Any, *a: Any, **o: Any) -> Any:
        return (*right(g, *a, **o)[:2], g[:1].sum((0, 2, 3)) if g.ndim == 4 else g.sum((1, 2)))

    return wrong


def striped(array: Any) -> Any:
    return array * np.arange(1, 1 + array.shape[-2])[:, np.newaxis]


def images_summed(array: Any) -> Any:
    return array + array.sum(0) * 2 if array.ndim == 4 and len(array) > 1 else array


RELATIONS: list[tuple[Relation, str, Bug, str]] = [
    (linear.linear, "conv2d", after(abs), r"conv2d should be linear in x: f\(2a - 3b\) = 2 f\(a\) - 3 f\(b\); but y\["),
    (linear.linear, "conv2d_backward", after(np.square), "should be linear in grad_output"),
    (linear.linear, "conv_transpose2d", after(lambda y: y + 1), "should be linear in x"),
    (linear.linear, "max_pool2d_backward", after(abs), "should be linear in grad_output"),
    (linear.linear, "avg_pool2d", after(abs), "should be linear in x"),
    (
        linear.constant,
        "conv2d_backward",
        lambda right: lambda g, x, w, **o: (x, *right(g, x, w, **o)[1:]),
        "grad_x should not depend on x",
    ),
    (linear.constant, "avg_pool2d_backward", lambda _: lambda *a, **_o: a[1], "grad_x should not depend on x"),
    (linear.bias, "conv2d", bias_twice, "a bias should add to the result without it"),
    (linear.bias, "conv_transpose2d", bias_per_tap, "a bias should add"),
    (linear.increasing, "max_pool2d", from_zero, r"y of (3x \+ 5|x - 1000) should be that of y"),
    (
        linear.increasing,
        "max_pool2d_backward",
        lambda right: lambda g, x, k, **o: right(g, abs(x), k, **o),
        "grad_x of .* that of x",
    ),
    (symmetry.order, "conv2d", first_bias, "filters in another order should give the same in that order|groups in another"),
    (
        symmetry.order,
        "conv2d",
        after(lambda y: y * np.arange(1, 1 + y.shape[-3])[:, None, None]),
        "in another order should give",
    ),
    (
        symmetry.order,
        "max_pool2d",
        after(lambda y: y[..., :1, :, :]),
        "y should have shape",
    ),
    (symmetry.order, "conv2d", last_group, "groups in another order should give"),
    (
        symmetry.order,
        "avg_pool2d",
        after(lambda y: y * np.arange(1, 1 + len(y))[:, None, None, None] if y.ndim == 4 else y),
        "images in",
    ),
    (symmetry.alone, "conv2d", after(images_summed), "a batch should give what its images give one by one"),
    (symmetry.alone, "conv2d_backward", first_image_only, r"one by one; but grad_bias"),
    (symmetry.unbatched, "avg_pool2d", after(lambda y: y * (y.ndim - 2)), "an image should give what a batch of one gives"),
    (symmetry.turned, "conv2d", after(striped), "rows for columns"),
    (symmetry.turned, "max_pool2d", after(striped), "rows for columns"),
    (symmetry.shifted, "conv2d", after(striped), r"an image shifted by \(\d, \d\) should give the result shifted by \(1, 1\)"),
    (symmetry.shifted, "conv_transpose2d", after(striped), r"shifted by \(1, 1\) should give the result shifted by \(\d, \d\)"),
    (symmetry.shifted, "max_pool2d", after(striped), "an image shifted"),
    (conv_algebra.padding, "conv2d", edges_repeated, "padding should be worth a padded image"),
    (conv_algebra.padding, "conv2d_backward", with_option("padding"), "padding should be worth a padded image"),
    (conv_algebra.dilation, "conv2d", without("dilation", 1), "a dilated filter should be worth a filter stuffed with zeros"),
    (conv_algebra.dilation, "conv_transpose2d_backward", with_option("dilation"), "a dilated filter should be worth"),
    (conv_algebra.stride, "conv2d", without("stride", 1), "a stride should leave out windows of the result with stride 1"),
    (conv_algebra.groups, "conv2d", last_group, "with groups, the result should be those of each group, side by side"),
    (conv_algebra.pointwise, "conv2d", product_only, "filters of one tap should be a matrix product over the channels"),
    (conv_algebra.stride_backward, "conv2d_backward", with_option("stride"), "windows that a stride leaves out"),
    (conv_algebra.cut, "conv_transpose2d", without_output_padding, "padding should cut the result without it"),
    (conv_algebra.stamps, "conv_transpose2d", with_option("stride"), "a stride should be worth an image stuffed with zeros"),
    (conv_algebra.stamp, "conv_transpose2d", flipped, "one pixel of 1 should stamp the filters of its channel onto the result"),
    (conv_algebra.adjoint, "conv_transpose2d", flipped, r"<conv_transpose2d\(x\), z> should be <x, conv2d\(z\)>"),
    (conv_algebra.cut_backward, "conv_transpose2d_backward", with_option("padding"), "what padding cuts off"),
    (pool_algebra.definition, "max_pool2d", from_zero, "a pool should be the maximum over its taps"),
    (pool_algebra.definition, "avg_pool2d", after(lambda y: y * 2), "a pool should be the mean over its taps"),
    (pool_algebra.stride, "max_pool2d", with_option("stride"), "a stride should leave out windows"),
    (pool_algebra.padding, "max_pool2d_backward", with_option("padding"), "padding should be worth an image padded with -inf"),
    (pool_algebra.padding, "avg_pool2d", with_option("padding"), "padding should be worth an image padded with 0"),
    (pool_algebra.pointed_at, "max_pool2d", wrong_indices, "indices should point at the values"),
    (pool_algebra.pointed_at, "max_pool2d", two_values, "indices should point at the values"),
    (pool_algebra.stride_backward, "avg_pool2d_backward", with_option("stride"), "windows that a stride leaves out"),
    (pool_algebra.shared_out, "max_pool2d_backward", overlaps_assigned, "a gradient should add up, over each plane"),
]


@pytest.mark.parametrize(("relation", "operation", "bug", "sentence"), RELATIONS)
def test_a_relation_that_does_not_hold_is_said_in_words(relation: Relation, operation: str, bug: Bug, sentence: str) -> None:
    outcome = judged(relation, operation, bug(getattr(vectorized, operation)))
    assert outcome.failure is not None
    assert re.search(sentence, outcome.failure.message), outcome.failure.message
    assert outcome.failure.case is not None


def test_every_relation_is_tried_here() -> None:
    tables = (linear.LINEARITY, symmetry.SYMMETRY, conv_algebra.EQUIVALENCES, pool_algebra.EQUIVALENCES)
    known = {relation for table in tables for relations in table.values() for relation in relations}
    assert known == {relation for relation, *_ in RELATIONS}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize("operation", ["conv2d", "max_pool2d"])
def test_who_takes_few_options_is_judged_by_the_others(check: Check, operation: str) -> None:
    """No option but one int: the relations that need more are left out, and what is left is enough to trust."""
    functions = {
        "conv2d": lambda x, weight, *, padding=0: vectorized.conv2d(x, weight, padding=int(padding)),
        "max_pool2d": lambda x, kernel_size: vectorized.max_pool2d(x, int(kernel_size)),
    }
    implementation = Implementation.of(SimpleNamespace(**{operation: functions[operation]}), "little")
    assert run_check(implementation, operation, check).verdict == "passed"


def test_a_result_of_the_wrong_shape_is_said_so_before_it_is_computed_with() -> None:
    outcome = judged(
        pool_algebra.definition, "max_pool2d", lambda x, kernel_size, **_: np.ones(np.size(x) + np.size(kernel_size))
    )
    assert outcome.failure is not None
    assert "y should have shape" in outcome.failure.message


def test_of_the_calls_that_disagree_the_wrong_one_is_shown() -> None:
    def even_flipped(x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
        w = np.flip(weight, 3) if weight.shape[3] % 2 == 0 else weight
        return vectorized.conv2d(x, w, bias, **options)

    outcome = judged(symmetry.turned, "conv2d", even_flipped)
    assert outcome.failure is not None
    assert outcome.failure.case is not None
    assert outcome.failure.message.startswith("rows for columns, in arrays and options, should give the result turned; but y[")
    case = outcome.failure.case
    got = even_flipped(*case.arguments.values(), **case.options)
    assert not np.array_equal(got, vectorized.conv2d(*case.arguments.values(), **case.options))
