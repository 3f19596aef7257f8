"""The diagnosis names planted bugs, and describes what no planted bug does, from nothing but calls of the implementation."""

import math
from typing import Any

import numpy as np
import pytest

from samples import small_integers
from verification import diagnosis
from verification.bugs import BUGS, Bug, channels, edges, gradients, layouts, maxima, means, padding, places
from verification.cases import Case
from verification.diagnosis import explain
from verification.diagnosis.likeness import RIGHT, due, likeness
from verification.diagnosis.reading import LEFT_OUT
from verification.diagnosis.results import run
from verification.diagnosis.samples import samples
from verification.implementation import Implementation
from verification.outcome import Failure

pytestmark = pytest.mark.usefixtures("unhurried")


def failing(implementation: Implementation, operation: str) -> Case | None:
    """Return the first sample on which an implementation is wrong."""
    for case in samples(operation):
        got, right = run(implementation, case), run(RIGHT, due(implementation, case))
        if got is not None and right is not None and not got.alike(right):
            return case
    return None


PLACES = (*places.BUGS, *padding.BUGS, *edges.BUGS, *channels.BUGS, *layouts.BUGS, *maxima.BUGS, *means.BUGS, *gradients.BUGS)


@pytest.mark.parametrize("bug", PLACES, ids=lambda bug: bug.name)
def test_a_planted_bug_is_named_on_its_failing_case(bug: Bug) -> None:
    operation = bug.operations[0]
    case = failing(bug.implementation(operation), operation)
    assert case is not None, "no sample of its operation shows it"
    found = likeness(bug.implementation(operation), case, math.inf)
    assert bug in found.bugs
    assert len(found.bugs) <= 2
    assert found.unexplained == 0


def test_what_is_accepted_silently_is_said() -> None:
    bug = next(bug for bug in BUGS if bug.name == "large kernel accepted")
    case = Case("max_pool2d", {"x": small_integers((1, 2, 3, 4)), "kernel_size": 5}, {})
    first, second = explain(bug.implementation(), Failure("", case))
    assert first.startswith("It accepts this call silently and returns shape (1, 2, 0, 0); the contract refuses it: ValueError")
    assert bug.sentence in second


def test_arithmetic_of_few_bits_is_said_to_have_few() -> None:
    def brain_floats(x: Any, weight: Any, bias: Any = None) -> Any:
        short = ((v.view(np.uint32) & 0xFFFF0000).view(np.float32) for v in (x, weight))  # 8 bits, cut off
        return RIGHT.functions["conv2d"](*short, bias)

    rng = np.random.default_rng(0)
    x, weight = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, 2, 6, 6), (2, 2, 3, 3)))
    case = Case("conv2d", {"x": x, "weight": weight, "bias": None}, {})
    sentences = explain(Implementation("brain_floats", {"conv2d": brain_floats}), Failure("", case))
    assert any("arithmetic with about 8 bits, where float32 has 24" in sentence for sentence in sentences)


def test_an_exception_is_said_and_what_cures_it() -> None:
    def fussy(x: Any, kernel_size: Any, stride: Any = None) -> Any:
        if not x.flags.c_contiguous:
            raise BufferError("not contiguous")
        return RIGHT.functions["max_pool2d"](x, kernel_size, stride=stride)

    case = Case("max_pool2d", {"x": small_integers((1, 2, 4, 4)).swapaxes(2, 3), "kernel_size": 2}, {})
    sentences = explain(Implementation("fussy", {"max_pool2d": fussy}), Failure("", case))
    assert sentences[0] == "It raises BufferError: not contiguous; the result should have shape (1, 2, 2, 2)."
    assert "With plain copies of the same arrays the result is right: their layout in memory is misread." in sentences


def beyond(most: int) -> Any:
    """Return a convolution that leaves a tap out at dilations beyond this."""

    def conv2d(x: Any, weight: Any, bias: Any = None, stride: Any = 1, dilation: int = 1) -> Any:
        w = weight.copy()
        w[..., -1, 0] *= dilation <= most
        return RIGHT.functions["conv2d"](x, w, bias, stride=stride, dilation=dilation, rounding="floor")

    return conv2d


@pytest.mark.parametrize(("most", "dilation"), [(4, 5), (2, 3), (0, 1)])
def test_a_tap_that_is_left_out_is_named_and_no_stride(most: int, dilation: int) -> None:
    x, weight = small_integers((1, 2, 17, 19)), small_integers((3, 2, 3, 3))
    case = Case("conv2d", {"x": x, "weight": weight, "bias": None}, {"dilation": dilation} if dilation > 1 else {})
    text = " ".join(explain(Implementation("beyond", {"conv2d": beyond(most)}), Failure("", case)))
    assert f"through weight[0, 0, 2, 0]; it does not; weight[:, :, 2, 0] is {LEFT_OUT}." in text
    assert "taken as" not in text
    assert (f"The result is right without dilation={dilation}." in text) == (dilation > 1)


def test_a_filter_that_is_left_out_leaves_no_option_to_blame() -> None:
    x, weight = small_integers((1, 1, 6, 8)), small_integers((2, 1, 1, 1))
    case = Case("conv2d", {"x": x, "weight": weight, "bias": None}, {"dilation": 9})
    zeros = Implementation("zeros", {"conv2d": lambda *a, **o: 0 * RIGHT.functions["conv2d"](*a, **o)})
    text = " ".join(explain(zeros, Failure("", case)))
    assert "all of weight is left out" in text
    assert "taken as" not in text


KEPT = {
    "results cached by id": "After other numbers were written to x, the same call still gives the result for the old ones",
    "filters cached by address": "After other numbers were written to weight, the same call still gives the result for the old",
    "filters cached by shape": "Two calls of the same sizes, and the second is made with the weight of the first",
    "gradients accumulate": "gives two results, the first one right",
    "options remembered": "After calls of other sizes, and with other options, the same call gives another result",
}


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("earlier", [0, 3])
def test_what_is_kept_between_calls_is_said_and_nothing_else_is_blamed(name: str, earlier: int) -> None:
    bug = next(bug for bug in BUGS if bug.name == name)
    implementation, operation = bug.implementation(), bug.operations[0]
    calls = [case for case in samples(operation) if case.dtype == np.float64][: earlier + 1]
    for case in calls:
        run(implementation, case)
    (sentence,) = explain(implementation, Failure("", calls[-1]))
    assert KEPT[name] in sentence or (earlier and bug.sentence in sentence)


def case_of(operation: str, **options: Any) -> Case:
    x = small_integers((2, 4, 7, 9)) - (3 if operation == "max_pool2d" else 0)
    if operation == "max_pool2d":
        return Case(operation, {"x": x, "kernel_size": 3}, options)
    weight = small_integers((6, 4 // options.get("groups", 1), 3, 3))
    return Case(operation, {"x": x, "weight": weight, "bias": np.arange(1.0, 7.0)}, options)


def relu(x: Any, weight: Any, bias: Any = None) -> Any:
    return np.maximum(RIGHT.functions["conv2d"](x, weight, bias), 0)


def halved(x: Any, kernel_size: Any) -> Any:
    return RIGHT.functions["avg_pool2d"](x, kernel_size) * 0.75


def crossed(x: Any, weight: Any, bias: Any = None) -> Any:
    y = RIGHT.functions["conv2d"](x, weight)
    return y if bias is None else y + (bias if len(bias) == y.shape[-1] else bias[:, np.newaxis, np.newaxis])


def missing_last(x: Any, weight: Any, bias: Any = None, stride: Any = 1) -> Any:
    y = RIGHT.functions["conv2d"](x, weight, bias, stride=stride, rounding="floor")
    y[..., -1] *= np.max(stride) == 1
    return y


def scaling(x: Any, weight: Any, bias: Any = None) -> Any:
    y = RIGHT.functions["conv2d"](x, weight, bias)
    weight *= 0.5
    return y


def on_top(x: Any, weight: Any, bias: Any = None) -> Any:
    y = np.empty((len(x), len(weight), *(x.shape[i] - weight.shape[i] + 1 for i in (2, 3))), x.dtype)
    y += RIGHT.functions["conv2d"](x, weight, bias)
    return y


def mean_over_images(grad_output: Any, x: Any, weight: Any) -> Any:
    grad_x, grad_weight, grad_bias = RIGHT.functions["conv2d_backward"](grad_output, x, weight)
    return grad_x, grad_weight, grad_bias / len(x) / 2


def far_channel(x: Any, weight: Any, bias: Any = None) -> Any:
    return RIGHT.functions["conv2d"](x[:, [0, 1, 2, 0]], weight, bias)


def further(x: Any, weight: Any, bias: Any = None, dilation: int = 1) -> Any:
    return RIGHT.functions["conv2d"](x, weight, bias, dilation=dilation + 1 if dilation > 1 else 1)


def tripled_images(case: Case) -> Case:
    arguments = {name: v for name, v in case.arguments.items() if name != "bias"}
    return Case("conv2d_backward", {"grad_output": small_integers((2, 6, 5, 7)), **arguments}, {})


FOUND = [
    (relu, case_of("conv2d"), "y has 0 for everything negative, as after a ReLU."),
    (halved, Case("avg_pool2d", {"x": small_integers((1, 2, 4, 6)), "kernel_size": 2}, {}), "y is 3/4 times what it should be"),
    (crossed, Case("conv2d", {**case_of("conv2d").arguments, "x": small_integers((1, 4, 5, 8))}, {}), "and gets bias[1]."),
    (missing_last, case_of("conv2d", stride=2), "Of the result above, only these are wrong: column 3 (the last)."),
    (scaling, case_of("conv2d"), "It writes to weight, which the caller still needs"),
    (
        on_top,
        Case("conv2d", {"x": small_integers((1, 1, 4, 5)), "weight": small_integers((2, 1, 2, 2)), "bias": None}, {}),
        "an array (from np.empty, say) is used before it is set",
    ),
    (mean_over_images, tripled_images(case_of("conv2d")), "grad_bias is 1/6 times what it should be, everywhere."),
    (mean_over_images, tripled_images(case_of("conv2d")), "Wrong: grad_bias; right: grad_x and grad_weight."),
    (far_channel, case_of("conv2d"), "should read x[0, 3, 0, 0] through weight[0, 3, 0, 0]; it reads x[0, 0, 0, 0] through"),
    (further, case_of("conv2d", dilation=2), "dilation_h is taken as 3 (it is 2) and dilation_w is taken as 3 (it is 2)"),
]


@pytest.mark.parametrize(("function", "case", "said"), FOUND, ids=[f"{f[0].__name__}-{i}" for i, f in enumerate(FOUND)])
def test_what_no_planted_bug_does_is_found_by_looking(function: Any, case: Case, said: str) -> None:
    text = " ".join(explain(Implementation(function.__name__, {case.operation: function}), Failure("", case)))
    assert said in text
    assert "taken as" not in text or "taken as" in said


def test_cells_of_another_call_are_said_to_be_of_another() -> None:
    x, weight = small_integers((1, 1, 1, 4)), small_integers((1, 1, 1, 2))
    case = Case("conv2d", {"x": x, "weight": weight, "bias": None}, {"stride": 2})
    text = " ".join(explain(Implementation("missing_last", {"conv2d": missing_last}), Failure("", case)))
    assert "With these options and x of shape (1, 1, 7, 8), y[0, 0, 0, 3] should read x[0, 0, 0, 6] through weight" in text
    assert "Of the result above, only these are wrong: column 1 (the last). The result is right without stride=2." in text


def test_a_sum_that_lacks_a_term_is_not_called_arithmetic_of_few_bits() -> None:
    rng = np.random.default_rng(0)
    x, weight = (rng.standard_normal(shape) for shape in ((1, 40, 5, 5), (1, 40, 3, 3)))
    case = Case("conv2d", {"x": x, "weight": weight, "bias": None}, {})

    def forgetful(x: Any, weight: Any, bias: Any = None) -> Any:
        w = weight.copy()
        w[:, 33:, 2, 2] = 0
        return RIGHT.functions["conv2d"](x, w, bias)

    text = " ".join(explain(Implementation("forgetful", {"conv2d": forgetful}), Failure("", case)))
    assert "bits" not in text
    assert text


def test_a_fault_of_earlier_calls_is_said() -> None:
    case = Case("conv2d", {"x": small_integers((1, 1, 3, 3)), "weight": small_integers((1, 1, 2, 2)), "bias": None}, {})
    assert explain(RIGHT, Failure("", case)) == [diagnosis.ALONE]


def test_what_fits_nothing_is_said_to_fit_nothing() -> None:
    def odd(x: Any, kernel_size: Any) -> Any:
        return RIGHT.functions["avg_pool2d"](x, kernel_size) + (x.size == 97 * 2 * 2)

    case = Case("avg_pool2d", {"x": np.ones((97, 1, 2, 2)), "kernel_size": 2}, {})
    assert explain(Implementation("odd", {"avg_pool2d": odd}), Failure("", case)) == [diagnosis.FINE]
    assert explain(RIGHT, Failure("without a case")) == [diagnosis.NOTHING]


@pytest.mark.parametrize(
    "result", [None, "text", (), [1, 2, 3], object(), np.zeros(3), {}, iter([])], ids=lambda v: type(v).__name__
)
def test_whatever_comes_back_the_diagnosis_is_a_list_of_sentences(result: Any) -> None:
    case = Case("conv2d", {"x": small_integers((1, 1, 3, 3)), "weight": small_integers((1, 1, 2, 2)), "bias": None}, {})
    sentences = explain(Implementation("strange", {"conv2d": lambda *_, **__: result}), Failure("", case))
    assert sentences
    assert all(isinstance(sentence, str) for sentence in sentences)


def test_it_stops_when_its_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def calls_within(seconds: float) -> int:
        calls: list[int] = []

        def slow(x: Any, kernel_size: Any) -> Any:
            calls.append(1)  # each call takes half a second of the clock below
            return np.zeros_like(x) + kernel_size

        monkeypatch.setattr("time.monotonic", lambda: len(calls) / 2)
        monkeypatch.setattr(diagnosis, "SECONDS", seconds)
        explain(Implementation("slow", {"max_pool2d": slow}), Failure("", case_of("max_pool2d")))
        return len(calls)

    assert 0 < calls_within(0) < calls_within(2) < calls_within(math.inf)
