"""What the contract accepts, and what it promises of every result: signatures, dtypes, memory, forms of options."""

import inspect
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import contract
from samples import CALLS, TRANSPOSED, WEIGHT, X, small_integers

REAL = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "O")
DTYPES = {
    **dict.fromkeys(CALLS, (*REAL, "c8", "c16")),
    **dict.fromkeys(("max_pool2d", "max_pool2d_backward"), REAL),
    **dict.fromkeys(("avg_pool2d", "avg_pool2d_backward"), ("f2", "f4", "f8", "O")),
}
SIGNATURES = {
    "conv2d": "(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1, rounding='exact')",
    "conv2d_backward": "(grad_output, x, weight, *, stride=1, padding=0, dilation=1, groups=1, rounding='exact')",
    "conv_transpose2d": "(x, weight, bias=None, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1)",
    "conv_transpose2d_backward": "(grad_output, x, weight, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1)",
    "max_pool2d": "(x, kernel_size, *, stride=None, padding=0, dilation=1, rounding='exact', return_indices=False)",
    "max_pool2d_backward": "(grad_output, x, kernel_size, *, stride=None, padding=0, dilation=1, rounding='exact')",
    "avg_pool2d": "(x, kernel_size, *, stride=None, padding=0, rounding='exact', count_include_pad=True,"
    " divisor_override=None)",
    "avg_pool2d_backward": "(grad_output, x, kernel_size, *, stride=None, padding=0, rounding='exact',"
    " count_include_pad=True, divisor_override=None)",
}


def called(implementation: Any, name: str, change: Callable[[np.ndarray], Any] = np.copy) -> list[np.ndarray]:
    """Return what a function gives for its sample call, every array of it changed."""
    given = {k: change(v) if isinstance(v, np.ndarray) else v for k, v in CALLS[name].items()}
    got = getattr(implementation, name)(**given)
    return list(got) if isinstance(got, tuple) else [got]


@pytest.mark.parametrize("name", CALLS)
def test_the_signature_is_the_contracts(implementation: Any, name: str) -> None:
    parameters = inspect.signature(getattr(implementation, name)).parameters.values()
    shared = [p.replace(annotation=p.empty) for p in parameters if p.name in SIGNATURES[name]]
    assert str(inspect.Signature(shared)) == SIGNATURES[name]
    own = [p for p in parameters if p.name not in SIGNATURES[name]]  # vectorized chooses among algorithms
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in own)
    assert not own or implementation.__name__ == "vectorized"


# ---------------------------------------------------------------------------------------------------------------- dtypes


@pytest.mark.parametrize(("name", "dtype"), [(n, d) for n in CALLS for d in DTYPES[n]])
def test_the_result_has_the_dtype_of_the_arguments(implementation: Any, name: str, dtype: str) -> None:
    def natural(a: np.ndarray) -> np.ndarray:
        return np.abs(a).astype(int) * 15  # the average of 15 cells is an integer too; in eight bits the products wrap

    exact = called(implementation, name, np.vectorize(lambda v: Fraction(15 * abs(int(v))), otypes=[object]))
    for got, value in zip(called(implementation, name, lambda a: natural(a).astype(dtype)), exact, strict=True):
        assert got.dtype == dtype
        assert got.tolist() == value.astype(np.int64).astype(dtype).tolist()


@pytest.mark.parametrize(("name", "dtype"), [(n, d) for n in CALLS for d in DTYPES[n] if d[1:] not in ("1", "")])
def test_byte_order_is_not_part_of_the_dtype(implementation: Any, name: str, dtype: str) -> None:
    native = np.dtype(dtype)
    swapped = native.newbyteorder("S")
    plain = called(implementation, name, lambda a: np.abs(a).astype(native))
    for got, expected in zip(called(implementation, name, lambda a: np.abs(a).astype(swapped)), plain, strict=True):
        assert got.dtype.isnative
        assert got.tolist() == expected.tolist()


def test_byte_orders_mix(implementation: Any) -> None:
    got = implementation.conv2d(X.astype(">f8"), WEIGHT.astype("<f8"), np.zeros(4, ">f8"))
    assert np.array_equal(got, implementation.conv2d(X, WEIGHT))


def test_integers_are_exact_modulo_two_to_the_bits(implementation: Any) -> None:
    def dot(x: list[int], w: list[int], dtype: Any) -> Any:
        return implementation.conv2d(np.array([[x]], dtype), np.array([[[w]]], dtype)).item()

    assert dot([127, 1], [1, 1], np.int8) == -128
    assert dot([200, 200], [200, 200], np.uint8) == 2 * 200 * 200 % 256
    assert dot([2**53 + 1, 1], [1, 2], np.int64) == 2**53 + 3  # through float64 the last bits would be lost
    assert dot([2**63, 5], [2, 3], np.uint64) == 15
    assert dot([10**30, 1], [10**30, 1], object) == 10**60 + 1
    g, x = np.array([[[2**53, 1]]]), np.array([[[0, 9, 0]]])  # 9 wins both windows
    assert implementation.max_pool2d_backward(g, x, (1, 2), stride=1)[0, 0, 1] == 2**53 + 1


def test_float16_is_carried_in_float32_and_rounded_once(implementation: Any) -> None:
    # Above 2048 the next float16 is 2050: each sum below that were rounded on its way would stay at 2048.
    x = np.array([[[2048, 1, 1]]], np.float16)
    ones, one = np.ones((1, 1, 1, 3), np.float16), np.ones((1, 1, 1, 1), np.float16)
    assert implementation.conv2d(x, ones).item() == 2050
    assert implementation.conv2d(x[..., :2], ones[..., :2], np.ones(1, np.float16)).item() == 2050
    assert implementation.conv_transpose2d(x, ones)[0, 0, 2] == 2050
    for order in ([0, 1, 2], [1, 0, 2], [1, 2, 0]):
        assert implementation.avg_pool2d(x[..., order], (1, 3), divisor_override=1).item() == 2050
    rows = np.repeat(x.reshape(1, 3, 1), 99, 2)  # as wide as rows must be to be added one by one
    assert (implementation.avg_pool2d(rows, (3, 1), divisor_override=1) == 2050).all()
    grad_x, grad_weight, grad_bias = implementation.conv2d_backward(x, np.ones((1, 1, 5), np.float16), ones)
    assert grad_x[0, 0, 2] == grad_weight[0, 0, 0, 0] == grad_bias.item() == 2050
    grad_x, grad_weight, grad_bias = implementation.conv_transpose2d_backward(x, one[0], ones)
    assert grad_x.item() == grad_bias.item() == 2050
    assert implementation.conv_transpose2d_backward(x, ones[0], one)[1].item() == 2050
    assert implementation.max_pool2d_backward(x, np.array([[[0, 0, 9, 0, 0]]], np.float16), (1, 3), stride=1)[0, 0, 2] == 2050
    grad_x = implementation.avg_pool2d_backward(x, np.ones((1, 1, 5), np.float16), (1, 3), stride=1, divisor_override=1)
    assert grad_x[0, 0, 2] == 2050


def test_nor_is_a_part_of_a_sum_rounded_to_float16(implementation: Any) -> None:
    two = np.array([[[2048, 1]], [[1, 0]]], np.float16)  # 2048 + 1 would be rounded to 2048 before the other 1 comes
    assert implementation.conv_transpose2d(two, np.ones((2, 1, 1, 2), np.float16))[0, 0, 1] == 2050
    images, ones, one = two[:, np.newaxis], np.ones((2, 1, 1, 2), np.float16), np.ones((1, 1, 1, 1), np.float16)
    for name in ("conv2d_backward", "conv_transpose2d_backward"):
        assert getattr(implementation, name)(images, ones, one)[1].item() == 2050
        assert getattr(implementation, name)(ones, images, one)[1].item() == 2050


@pytest.mark.parametrize("name", CALLS)
def test_warnings_are_not_the_functions_business(implementation: Any, name: str) -> None:
    with np.errstate(all="raise"):  # overflow, NaN and Inf are results
        for worst in (np.inf, np.nan, np.finfo(np.float32).max):
            called(implementation, name, lambda a, worst=worst: np.full(a.shape, worst, np.float32))


# ---------------------------------------------------------------------------------------------------------------- memory


def inlaid(a: np.ndarray) -> np.ndarray:
    """Return an array that has NaN for neighbours in memory, on every side."""
    larger, cells = np.full([2 * n + 1 for n in a.shape], np.nan), tuple(slice(1, None, 2) for _ in a.shape)
    larger[cells] = a
    return larger[cells]


LAYOUTS: dict[str, Callable[[np.ndarray], Any]] = {
    "lists": np.ndarray.tolist,
    "Fortran order": np.asfortranarray,
    "negative strides": lambda a: np.flip(np.flip(a).copy()),
    "every other cell of a larger array": inlaid,
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "misaligned": lambda a: np.frombuffer(b"\0" + a.tobytes(), np.uint8)[1:].view(a.dtype).reshape(a.shape),
    "a subclass": lambda a: a.view(type("Subclass", (np.ndarray,), {})),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", CALLS)
def test_any_layout_gives_the_same(implementation: Any, name: str, layout: str) -> None:
    for got, expected in zip(called(implementation, name, LAYOUTS[layout]), called(implementation, name), strict=True):
        assert type(got) is np.ndarray
        assert np.array_equal(got, expected)


@pytest.mark.parametrize("name", CALLS)
def test_arguments_are_only_read(implementation: Any, name: str) -> None:
    given = {k: np.copy(v) if isinstance(v, np.ndarray) else v for k, v in CALLS[name].items()}
    arrays = [v for v in given.values() if isinstance(v, np.ndarray)]
    before = [a.copy() for a in arrays]
    for a in arrays:
        a.setflags(write=False)
    getattr(implementation, name)(**given)
    assert all(map(np.array_equal, arrays, before))


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "O"])
def test_results_are_new_memory(implementation: Any, dtype: str, batched: bool) -> None:
    x = small_integers((1, 1, 1, 1) if batched else (1, 1, 1), dtype)  # where the result is the input, it is a copy
    one, zero = np.ones((1, 1, 1, 1), dtype), np.zeros(1, dtype)
    makers: list[Callable[[], Any]] = [
        lambda: implementation.conv2d(x, one),
        lambda: implementation.conv2d(x, one, zero),
        lambda: implementation.conv2d_backward(x, x, one),
        lambda: implementation.conv_transpose2d(x, one),
        lambda: implementation.conv_transpose2d_backward(x, x, one),
        lambda: implementation.max_pool2d(x, 1, return_indices=True),
        lambda: implementation.max_pool2d(x, 1),
        lambda: implementation.max_pool2d_backward(x, x, 1),
    ]
    if dtype != "i8":
        makers += [lambda: implementation.avg_pool2d(x, 1), lambda: implementation.avg_pool2d_backward(x, x, 1)]
    for make in makers:
        first, again = make(), make()
        first, again = (list(r) if isinstance(r, tuple) else [r] for r in (first, again))
        for i, got in enumerate(first):
            assert got.flags.writeable
            assert not any(np.shares_memory(got, a) for a in (x, one, zero, *again, *first[:i]))


# ---------------------------------------------------------------------------------------------------------------- shapes

SHAPES = {  # what the sample calls give
    "conv2d": [(1, 4, 2, 3)],
    "conv2d_backward": [(1, 2, 3, 5), (4, 2, 2, 3), (4,)],
    "conv_transpose2d": [(1, 4, 4, 7)],
    "conv_transpose2d_backward": [(1, 2, 3, 5), (2, 4, 2, 3), (4,)],
    "max_pool2d": [(1, 2, 1, 1)],
    "max_pool2d_backward": [(1, 2, 3, 5)],
    "avg_pool2d": [(1, 2, 1, 1)],
    "avg_pool2d_backward": [(1, 2, 3, 5)],
}


def images(value: Any, name: str, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    """Return an argument changed if it is a batch of images."""
    return change(value) if name in ("x", "grad_output") else value


@pytest.mark.parametrize("name", CALLS)
def test_shapes(implementation: Any, name: str) -> None:
    assert [a.shape for a in called(implementation, name)] == SHAPES[name]


@pytest.mark.parametrize("name", CALLS)
def test_unbatched_in_unbatched_out(implementation: Any, name: str) -> None:
    got = getattr(implementation, name)(**{k: images(v, k, lambda a: a[0]) for k, v in CALLS[name].items()})
    expected = called(implementation, name)
    got = list(got) if isinstance(got, tuple) else [got]
    for one, another in zip(got, [expected[0][0], *expected[1:]], strict=True):
        assert np.array_equal(one, another)


@pytest.mark.parametrize("name", CALLS)
def test_no_images_give_an_empty_result_and_no_gradient(implementation: Any, name: str) -> None:
    got = getattr(implementation, name)(**{k: images(v, k, lambda a: a[:0]) for k, v in CALLS[name].items()})
    got = list(got) if isinstance(got, tuple) else [got]
    assert [a.shape for a in got] == [(0, *SHAPES[name][0][1:]), *SHAPES[name][1:]]
    assert not any(a.any() for a in got)


# --------------------------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize("two", [(2, 2), [2, 2], np.int8(2), np.array(2), np.array([2, 2]), range(2, 3)], ids=repr)
def test_a_size_is_an_int_or_a_pair(implementation: Any, two: Any) -> None:
    if isinstance(two, range):
        two = (*two, np.uint64(2))
    x, weight = small_integers((1, 2, 7, 9)), small_integers((2, 2, 2, 2))
    conv = {"stride": 2, "padding": 2, "dilation": 2, "rounding": "floor"}
    pool = {"kernel_size": 2, "stride": 2, "rounding": "floor"}

    def same(function: Callable[..., Any], *arguments: Any, **options: Any) -> bool:
        other = {k: two if v == 2 else v for k, v in options.items()}
        return np.array_equal(function(*arguments, **options), function(*arguments, **other))

    assert same(implementation.conv2d, x, weight, **conv)
    assert same(implementation.conv_transpose2d, x, weight, stride=2, padding=2, dilation=2)
    assert same(implementation.max_pool2d, x, dilation=2, **pool)
    assert same(implementation.avg_pool2d, x, **pool)


@pytest.mark.parametrize(
    ("padding", "sides"),
    [
        (0, ((0, 0), (0, 0))),
        ("valid", ((0, 0), (0, 0))),
        (3, ((3, 3), (3, 3))),
        ((1, 2), ((1, 1), (2, 2))),
        (((1, 2), (3, 4)), ((1, 2), (3, 4))),
        ([[1, 2], [3, 4]], ((1, 2), (3, 4))),
        (np.array([[1, 2], [3, 4]]), ((1, 2), (3, 4))),
        ("same", ((2, 2), (4, 5))),  # totals 4*(2 - 1) and 3*(4 - 1): the odd cell at the end
    ],
    ids=str,
)
def test_every_form_of_padding(implementation: Any, padding: Any, sides: Any) -> None:
    x, weight = small_integers((2, 2, 6, 11)), small_integers((3, 2, 2, 4))
    a = contract.conv2d(x, weight, None, 1, padding, (4, 3), 1, "exact")
    assert a.padding == sides
    assert all(type(side) is int for pair in a.padding for side in pair)
    padded = np.pad(x, ((0, 0), (0, 0), *sides))
    got = implementation.conv2d(x, weight, padding=padding, dilation=(4, 3))
    assert np.array_equal(got, implementation.conv2d(padded, weight, dilation=(4, 3)))


def test_the_canonical_form_of_a_convolutions_options() -> None:
    a = contract.conv2d(X[0], WEIGHT, None, (2, 3), (0, 1), (1, 2), 1, "floor")
    assert a[3:] == ((2, 3), ((0, 0), (1, 1)), (1, 2), 1, "floor", (0, 0), False)
    a = contract.conv_transpose2d(X, TRANSPOSED, None, (2, 3), (1, 0), (0, 1), (1, 2), 2)  # it has no remainder to round
    assert a[3:] == ((2, 3), ((1, 1), (0, 0)), (1, 2), 2, "exact", (0, 1), True)


def test_a_pools_stride_is_its_kernel_unless_given(implementation: Any) -> None:
    x = small_integers((1, 2, 6, 10))
    for pool in (implementation.max_pool2d, implementation.avg_pool2d):
        assert pool(x, (3, 5)).shape == (1, 2, 2, 2)
        assert np.array_equal(pool(x, (3, 5)), pool(x, (3, 5), stride=(3, 5)))
        assert pool(x, (3, 5), stride=1).shape == (1, 2, 4, 6)


def test_a_name_may_be_of_a_subclass_of_str_that_has_no_hash(implementation: Any) -> None:
    name_without_hash = type("Name", (str,), {"__hash__": None})
    x, weight = np.arange(12.0).reshape(1, 3, 4), np.ones((1, 1, 2, 2))
    for name in ("conv2d", "max_pool2d", "avg_pool2d"):
        given = (x, weight) if name == "conv2d" else (x, 2)
        expected = getattr(implementation, name)(*given, rounding="floor")
        assert np.array_equal(getattr(implementation, name)(*given, rounding=name_without_hash("floor")), expected)


def test_rounding(implementation: Any) -> None:
    x, weight = small_integers((1, 1, 6, 8)), small_integers((1, 1, 3, 3))
    floor = implementation.conv2d(x, weight, stride=2, rounding="floor")  # 3/2 + 1 and 5/2 + 1
    assert np.array_equal(floor, implementation.conv2d(x[:, :, :5, :7], weight, stride=2))
    for pool in (implementation.max_pool2d, implementation.avg_pool2d):
        ceil = pool(x, 3, stride=2, rounding="ceil")
        assert ceil.shape == (1, 1, 3, 4)
        assert np.array_equal(ceil[:, :, :2, :3], pool(x, 3, stride=2, rounding="floor"))
        assert np.array_equal(ceil[0, 0, 2, 3], pool(x[:, :, 4:, 6:], 2).item())  # the last window sees 2 by 2 cells
        assert pool(x, 1, stride=7, rounding="ceil").shape == (1, 1, 1, 2)  # a next one would start in row 7 of 6
        assert pool(x, 2, stride=3, padding=1, rounding="ceil").shape == (1, 1, 3, 3)  # -1, 2, 5; the next would start at 8


# ---------------------------------------------------------------------------------------------------------- single rules


def test_the_rules_one_by_one() -> None:
    assert contract.reach(1, 10**20) == 1
    assert contract.reach(3, 5) == 11
    assert [contract.carrier(np.dtype(d)) for d in ("f2", "f4", "i1", "c8", "O")] == ["f4", "f4", "i1", "c8", "O"]
    assert contract.lowest(np.dtype("i1")) == -128
    assert contract.lowest(np.dtype("u8")) == 0
    assert contract.lowest(np.dtype("f2")) == contract.lowest(np.dtype("O")) == -np.inf
    assert contract.brief("a" * 58) == repr("a" * 58)
    assert contract.brief("a" * 59) == "'" + "a" * 56 + "..."
    assert contract.brief(np.zeros((2, 2))) == "array([[0., 0.], [0., 0.]])"
    assert all(map(contract.is_sequence, ((), [1], np.array([1]))))
    assert not any(map(contract.is_sequence, (np.array(1), "ab", b"ab", 1, None)))
