"""The scorecard: what counts as passed, what the report says, and how it is drawn."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

import naive
from verification import verify
from verification.cases import Case
from verification.checks import CHECKS
from verification.conformance import SMALL, explained
from verification.loader import LoadError, Source, wrap
from verification.operations import OPERATIONS
from verification.outcome import Check, Failure
from verification.scorecard import SCHEMA, VERDICTS, About, Finding, Function, Row, Scorecard, to_json

GOOD = Row(
    "conv2d", "agreement", "passed", checked=9, worst_error_over_bound=0.25, policies={"windows that do not tile": "raises"}
)
FINDING = Finding(
    "y[0] is wrong\nsecond line", "import numpy as np\nprint(conv2d(x))", "[1 2]", "[1 3]", [1], 0.5, ["kernel <flipped>"]
)
BAD = Row("conv2d", "geometry", "failed", failure=FINDING)
DOUBTFUL = Row("conv2d", "algebra", "mistrusted", reason="nothing was judged")
UNSUPPORTED = Row("max_pool2d", "agreement", "unsupported", reason="dilation", unsupported={"dilation": 4})
MISSING = Row("avg_pool2d", "agreement", "not provided")


def scorecard(*rows: Row, planned: int | None = None) -> Scorecard:
    """Return a scorecard of an implementation with conv2d and max_pool2d."""
    functions = {"conv2d": Function(["bias"], ["stride"], "gamma"), "max_pool2d": Function([], ["stride"], "gamma")}
    known = sum(row.function in functions for row in rows)
    return Scorecard(About("theirs", "/theirs.py", functions, ["a hint"], known if planned is None else planned), list(rows))


@pytest.mark.parametrize(
    ("rows", "verdict", "score"),
    [
        ([GOOD], "passed", 1),
        ([GOOD, UNSUPPORTED, MISSING], "passed", 1),
        ([GOOD, BAD], "failed", 1 / 2),
        ([GOOD, DOUBTFUL], "mistrusted", 1 / 2),
        ([GOOD, BAD, DOUBTFUL, UNSUPPORTED], "failed", 1 / 3),
        ([UNSUPPORTED, MISSING], "mistrusted", 0),
        ([], "mistrusted", 0),
    ],
)
def test_verdict(rows: list[Row], verdict: str, score: float) -> None:
    card = scorecard(*rows)
    assert (card.verdict, card.passed, card.score) == (verdict, verdict == "passed", score)


def test_complete_means_every_check_on_every_function_provided() -> None:
    assert scorecard(GOOD, MISSING).complete
    assert not scorecard(GOOD, MISSING, planned=2).complete


def test_rows_survive_the_way_between_processes() -> None:
    for row in (GOOD, BAD, UNSUPPORTED):
        assert Row.from_dict(json.loads(json.dumps(asdict(row)))) == row
    this = scorecard(GOOD).about
    assert About.from_dict(json.loads(json.dumps(asdict(this)))) == this


def test_json() -> None:
    report = json.loads(scorecard(GOOD, BAD, UNSUPPORTED, MISSING).to_json())
    assert list(report) == ["schema", "verdict", "error", "environment", "implementations"]
    assert (report["schema"], report["verdict"], report["error"]) == (SCHEMA, "failed", None)
    assert list(report["environment"]) == ["samesum", "python", "numpy", "torch", "platform"]
    (theirs,) = report["implementations"]
    assert theirs["counts"] == {"failed": 1, "mistrusted": 0, "passed": 1, "unsupported": 1, "not provided": 1}
    conv, pool, missing = theirs["functions"].values()
    assert (conv["verdict"], conv["score"], conv["worst_error_over_bound"]) == ("failed", 0.5, 0.25)
    assert conv["policies"] == {"windows that do not tile": "raises"}
    assert conv["checks"]["geometry"]["failure"]["diagnosis"] == ["kernel <flipped>"]
    assert pool["checks"]["agreement"]["unsupported"] == {"dilation": 4}
    assert (missing["provided"], missing["verdict"]) == (False, "not provided")


def keys(value: Any) -> set[str]:
    """Return every name of a field, at whatever depth; those of functions, checks, questions and verdicts are data."""
    if isinstance(value, list):
        return {key for each in value for key in keys(each)}
    if not isinstance(value, dict):
        return set()
    fields = {
        key
        for key in value
        if key not in (*OPERATIONS, *VERDICTS, "agreement", "geometry", "dilation", "windows that do not tile")
    }
    return fields | {key for each in value.values() for key in keys(each)}


def test_every_field_is_documented() -> None:
    page = (Path(__file__).parent.parent / "docs" / "verification.md").read_text("utf-8")
    found = keys(json.loads(scorecard(GOOD, BAD, UNSUPPORTED, MISSING).to_json()))
    assert {"schema", "verdict", "diagnosis", "worst_error_over_bound"} <= found
    assert {name for name in found if f"`{name}`" not in page} == set()


def test_every_check_is_documented() -> None:
    page = (Path(__file__).parent.parent / "docs" / "verification.md").read_text("utf-8")
    table = page.partition("<!-- checks -->")[2].partition("<!-- end of checks -->")[0]
    assert [line.split("|")[1].strip() for line in table.strip().splitlines()[2:]] == list(CHECKS)


def test_json_of_several_and_of_none() -> None:
    assert json.loads(to_json([scorecard(GOOD), scorecard(DOUBTFUL)]))["verdict"] == "mistrusted"
    report = json.loads(to_json([], "no such file: 'x.py'"))
    assert (report["verdict"], report["error"], report["implementations"]) == ("error", "no such file: 'x.py'", [])


def test_answers_that_differ_are_all_told() -> None:
    other = replace(GOOD, check="errors", policies={"windows that do not tile": "floors"})
    assert scorecard(GOOD, other).policies("conv2d") == {"windows that do not tile": "raises, floors"}


def test_text() -> None:
    assert str(scorecard(GOOD, BAD, UNSUPPORTED, MISSING, planned=7)) == (
        "                     conv2d  max_pool2d\n"
        "agreement            passed  unsupported\n"
        "geometry             FAILED\n"
        "worst error / bound  0.25    -\n"
        "\n"
        "conv2d: windows that do not tile: raises\n"
        "max_pool2d: unsupported: dilation\n"
        "not provided: avg_pool2d\n"
        "a hint\n"
        "theirs: failed: 1 failed, 1 passed, 1 unsupported, 1 not provided; score 0.50; not every check was run\n"
        "\n"
        "conv2d, geometry: y[0] is wrong\n"
        "second line\n"
        "\n"
        "The smallest case that shows it, to paste:\n"
        "\n"
        "    import numpy as np\n"
        "    print(conv2d(x))\n"
        "\n"
        "expected:\n"
        "    [1 2]\n"
        "got:\n"
        "    [1 3]\n"
        "\n"
        "first bad index: (1,); the error there may be at most 0.5\n"
        "\n"
        "Diagnosis:\n"
        "  - kernel <flipped>"
    )


def test_what_there_is_not_is_not_shown() -> None:
    text = str(scorecard(replace(BAD, failure=replace(FINDING, expected="", index=None))))
    assert "got:\n    [1 3]\n\nDiagnosis" in text
    assert "expected" not in text


def test_html_says_the_same_and_escapes_it() -> None:
    html = scorecard(GOOD, BAD, DOUBTFUL)._repr_html_()
    assert "<table>" in html
    assert html.count("<details>") == 2
    assert "kernel &lt;flipped&gt;" in html
    assert "<flipped>" not in html
    assert "nothing was judged" in html


# --------------------------------------------------------------------------------------------------- from failure to row


def finding(**given: Any) -> Finding:
    """Return what is made of a failure of naive's conv2d on a small case."""
    case = Case("conv2d", {"x": np.ones((1, 2, 3)), "weight": np.ones((1, 1, 1, 2)), "bias": None}, {"stride": 2})
    (source,) = wrap(naive)
    return explained(source, Failure("wrong", case, **given))


def test_the_code_runs_with_numpy_and_the_implementation_alone(capsys: pytest.CaptureFixture[str]) -> None:
    code = finding().code
    assert "from naive import conv2d" in code
    with pytest.raises(ValueError, match="do not tile"):
        exec(code, {})
    exec(code.replace("stride=2", "stride=1"), {})
    assert capsys.readouterr().out == f"{np.full((1, 2, 2), 2.0)}\n"


def test_a_large_array_is_shown_by_the_plane_of_its_first_bad_index() -> None:
    array = np.arange(4.0 * SMALL).reshape(2, SMALL // 4, 2, 4)
    found = finding(expected=array, got=array + 1, index=(1, 2, 0, 3), bound=np.inf)
    assert found.expected == f"the plane [1, 2] of shape {array.shape}:\n{array[1, 2]}"
    assert found.got.endswith(str(array[1, 2] + 1))
    assert found.bound is None  # JSON has no infinity
    assert finding(got=array).got == f"the plane [0, 0] of shape {array.shape}:\n{array[0, 0]}"
    assert finding(got=array[0, 0]).got == str(array[0, 0])
    assert json.loads(to_json([scorecard(replace(BAD, failure=found))]))


def test_a_diagnosis_that_breaks_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def explain(*_: object) -> list[str]:
        raise RuntimeError("lost")

    monkeypatch.setattr("verification.diagnosis.explain", explain)
    assert finding().message == "wrong"
    assert finding().diagnosis == ["the diagnosis itself failed: RuntimeError: lost"]


# ---------------------------------------------------------------------------------------------------------- in a notebook


def test_verify_one_call() -> None:
    class Always:
        def avg_pool2d(self, x: Any, kernel_size: Any) -> Any:
            raise NotImplementedError("later")

    card = verify(Always, "avg_pool2d-geometry")
    assert card.verdict == "mistrusted"  # everything is unsupported: nothing was checked
    assert [row.verdict for row in card.rows] == ["unsupported"]


def test_verify_wants_one_implementation() -> None:
    with pytest.raises(LoadError, match="several implementations"):
        verify({"a": naive, "b": naive})


def test_a_profile_is_for_one_run() -> None:
    before = settings.get_current_profile_name()
    fast = verify({"conv2d": naive.conv2d}, "conv2d-integers", profile="fast")
    usual = verify({"conv2d": naive.conv2d}, "conv2d-integers")
    assert 0 < fast.rows[0].checked < usual.rows[0].checked
    assert settings.get_current_profile_name() == before
    with pytest.raises(ValueError, match="profile must be one of 'fast', 'default'"):
        verify(naive, profile="quick")


def test_a_fast_run_is_not_mistrusted_for_being_fast() -> None:
    card = verify({"conv2d": naive.conv2d}, "conv2d-inputs", profile="fast")
    assert card.passed, card
    assert 0 < card.rows[0].checked < CHECKS["inputs"].least


def test_a_check_that_breaks_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise KeyError("lost")

    monkeypatch.setattr("verification.conformance.CHECKS", {"own": Check("own", ("conv2d",), breaks, "nothing")})
    card = verify(naive)
    assert card.verdict == "mistrusted"
    assert "the check itself broke:" in card.rows[0].reason
    assert "KeyError: 'lost'" in card.rows[0].reason


def test_source_without_a_way_to_write_it() -> None:
    (source,) = wrap({"conv2d": naive.conv2d})
    assert isinstance(source, Source)
    assert source.bind("conv2d") == "# conv2d is that of dict"
