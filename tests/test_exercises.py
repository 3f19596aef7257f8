"""The exercises as a student meets them, and the class as a teacher does: every command is run as it stands in the pages."""

import csv
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from student import STEPS, STUBS, filled

ROOT = Path(__file__).parent.parent
README, TEACHING = ROOT / "exercises" / "README.md", ROOT / "docs" / "teaching.md"
JUDGED = ("conv2d", "max_pool2d", "conv2d_backward", "max_pool2d_backward")
CONV = "output_size one_cell conv2d"
PADS = "((0, 0), (0, 0), (padding, padding), (padding, padding))"
SIZES = "P, Q = output_size(H, R, stride, padding), output_size(W, S, stride, padding)"
FLIPPED = ("np.sum(window * w)", "np.sum(window * w[:, ::-1, ::-1])")
# The check that shows it, the functions filled in, the slips, and the sentence that names them.
MISTAKES = {
    "flipped kernel": (
        *("conv2d-geometry", CONV, [FLIPPED]),
        "exactly like this planted bug: the kernel is flipped: a true convolution, not a cross-correlation.",
    ),
    "stride on one axis": (
        *("conv2d-geometry", CONV, [("j * stride : j * stride + S]\n    return", "j : j + S]\n    return")]),
        "exactly like this planted bug: the stride is used on the height only: on the width it is taken as 1.",
    ),
    "padding on one side, of the size of both": (
        *("conv2d-geometry", CONV, [(PADS, "((0, 0), (0, 0), (2 * padding, 0), (2 * padding, 0))")]),
        "exactly like this planted bug: all of the padding is put at the top and the left.",
    ),
    "padding on one side": (
        *("conv2d-geometry", CONV),
        [
            (PADS, "((0, 0), (0, 0), (padding, 0), (padding, 0))"),
            (SIZES, SIZES.replace("H,", "H - padding,").replace("W,", "W - padding,")),
        ],
        "exactly like this planted bug: the top and the left are padded, the bottom and the right are not.",
    ),
    "no bias": (
        *("conv2d-sizes", CONV, [("0 if bias is None else bias[k]", "0")]),
        "exactly like this planted bug: the bias is left out.",
    ),
    "gradients that overwrite each other": (
        *("max_pool2d_backward-geometry", "max_pool2d_backward", [("j * stride + s] +=", "j * stride + s] =")]),
        "exactly like this planted bug: where windows overlap, the gradient is assigned, not added.",
    ),
}
SUITE = "pytest --pyargs verification --implementation"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def run(*command: str, folder: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    """Run a command as somebody does who has the project, and no settings of ours."""
    ours = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_XDIST_WORKER", "CI")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    path = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    environment |= {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "120"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600)


def verify(file: Path, folder: Path, *arguments: str) -> tuple["subprocess.CompletedProcess[str]", dict[str, Any]]:
    """Verify a file; return the run, and what the report, written to a folder, says of the file."""
    suite = ("-m", "pytest", "-p", "no:cacheprovider", "--pyargs", "verification", "--hypothesis-seed", "0")
    report = ("--verification-report", str(folder / "report.json"))
    done = run(sys.executable, *suite, "--implementation", str(file), *report, *arguments)
    (found,) = json.loads((folder / "report.json").read_text("utf-8"))["implementations"]
    return done, found


def steps(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run ``pytest exercises``."""
    return run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "exercises", *arguments)


def block(page: Path, mark: str) -> str:
    """Return the block of a page that follows the comment ``<!-- mark -->``."""
    found = re.search(rf"<!-- {mark} -->\n```\w+\n(.*?)```\n", page.read_text("utf-8"), re.DOTALL)
    assert found is not None, mark
    return found[1]


# --------------------------------------------------------------------------------------------------------- the student


def test_the_stubs_are_nothing_done(tmp_path: Path) -> None:
    done, found = verify(STUBS.relative_to(ROOT), tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert (found["verdict"], found["complete"], found["hints"]) == ("mistrusted", True, [])
    assert {name: f["verdict"] for name, f in found["functions"].items() if f["provided"]} == dict.fromkeys(
        JUDGED, "unsupported"
    )
    assert (found["counts"]["passed"], found["counts"]["failed"], found["counts"]["mistrusted"]) == (0, 0, 0)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named(name: str, tmp_path: Path) -> None:
    test, functions, slips, sentence = MISTAKES[name]
    file = tmp_path / "my_conv.py"
    file.write_text(filled(functions, *slips), "utf-8")
    done, found = verify(file, tmp_path, "-k", test, "-x")
    function, _, check = test.partition("-")
    words = found["functions"][function]["checks"][check]["failure"]["diagnosis"]
    assert done.returncode == 1
    assert any(said.endswith(sentence) for said in words), words
    assert sentence in done.stdout
    assert "Traceback" not in done.stdout


def test_the_front_page_quotes_what_the_suite_says() -> None:
    assert block(ROOT / "README.md", "sentence") == f"It behaves {MISTAKES['stride on one axis'][-1]}\n"


def test_the_page_shows_what_the_suite_says(tmp_path: Path) -> None:
    file = tmp_path / "my_conv.py"
    file.write_text(filled(CONV, FLIPPED), "utf-8")
    done, _ = verify(file, tmp_path, "-k", "conv2d-geometry", "-x")
    shown = done.stdout.replace(f"    import sys\n    sys.path.insert(0, {str(tmp_path)!r})\n", "")  # of a file elsewhere
    assert block(README, "diagnosis: flipped") in shown


@pytest.fixture(scope="module")
def shipped() -> "subprocess.CompletedProcess[str]":
    """Return the steps of the stubs."""
    return steps()


def test_the_steps_of_the_stubs(shipped: "subprocess.CompletedProcess[str]") -> None:
    assert shipped.returncode == 1
    assert "9 skipped" in shipped.stdout
    assert block(README, "steps") in shipped.stdout
    assert "Traceback" not in shipped.stdout


def test_the_steps_of_a_correct_file(tmp_path: Path) -> None:
    file = tmp_path / "my_conv.py"
    file.write_text(filled(STEPS), "utf-8")
    done = steps("--solution", str(file))
    assert done.returncode == 0, done.stdout
    assert "9 passed" in done.stdout


def test_the_steps_of_a_wrong_file(tmp_path: Path) -> None:
    file = tmp_path / "my_conv.py"
    slips = {
        "2 * P, S)": "P, S)",
        "j * stride : j * stride + S]\n    return": "j : j + S]\n    return",
        "np.array(columns).T": "np.array(columns)",
        "+= column.reshape": "= column.reshape",
        "= np.max(": "= np.min(",
    }
    file.write_text(filled(STEPS.removesuffix("max_pool2d_backward"), *slips.items()), "utf-8")
    done = steps("--solution", str(file))
    assert done.returncode == 1
    for sentence in (
        "output_size(W=1, F=1, S=1, P=1)\n\nshould give 3\n\nbut it gives 2\n",
        "It looks like this mistake: P counts once: there are P zeros at each end.",
        "It looks like this mistake: the stride counts for the rows alone.",
        f"What is wrong, in words: {SUITE} {os.path.relpath(file, ROOT)} -k max_pool2d- -x",
        "It looks like this mistake: each receptive field is a row: it should be a column.",
        "but it raises ValueError: matmul",
        "It looks like this mistake: the copies of a pixel overwrite each other: they should add up.",
        "1  output_size          WRONG: see above",
        "9  max_pool2d_backward  to do",
        "Next: output_size. Read docs/lesson.md, section 5.",
    ):
        assert sentence in done.stdout, done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize(
    ("slip", "sentence"),
    [
        (("if steps < 0 or rest", "if steps < 0"), "the remainder is dropped: where S does not divide W - F + 2P"),
        (("if steps < 0 or rest", "if rest"), "a window longer than the side is no error."),
        (("return steps + 1", "return (W - F + 2 * P) / S + 1"), "the division gives a float: // gives an integer."),
    ],
)
def test_a_wrong_size_is_explained(slip: tuple[str, str], sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "my_conv.py"
    file.write_text(filled("output_size", slip), "utf-8")
    done = steps("--solution", str(file), "-k", "output_size")
    assert f"It looks like this mistake: {sentence}" in done.stdout, done.stdout
    assert "naive" not in done.stdout  # no line of ours
    assert "Next: output_size." in done.stdout


@pytest.fixture
def exercise(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the module that judges the steps."""
    monkeypatch.syspath_prepend(ROOT / "exercises")
    yield importlib.import_module("test_steps")
    for name in ("test_steps", "steps"):
        del sys.modules[name]


def test_every_mistake_is_wrong_and_told_from_the_others(exercise: Any) -> None:
    for step in exercise.STEPS:
        for sentence, mistaken in step.mistakes.items():

            def made(*arguments: Any, step: Any = step, mistaken: Any = mistaken) -> Any:
                return mistaken(**dict(zip(step.calls[0], arguments, strict=True)))

            outcomes = [(exercise.outcome(made, *c.values()), exercise.outcome(step.right, **c)) for c in step.calls]
            assert not any(isinstance(mistaken, type) for mistaken, _ in outcomes), "an error is raised, not returned"
            assert not all(exercise.same(*each) for each in outcomes), sentence
            assert list(exercise.mistakes(step, made)) == [sentence]


def test_the_numbers_on_paper(exercise: Any) -> None:
    right = {step.name: step.right for step in exercise.STEPS}
    x, w, g, row = np.array([[[1, 2, 3], [4, 5, 6]]]), np.array([[[1, 0], [0, -1]]]), np.array([[[[1, 10]]]]), [1, 1, 2, 4]
    pooled = np.array([[[row, [5, 6, 7, 8]]]])
    assert [right["output_size"](7, 3, S=2), right["one_cell"](x, w, 10, 0, 1, 1)] == [3, 6]
    with pytest.raises(ValueError, match=r"= 5/2 \+ 1"):
        right["output_size"](8, 3, S=2)
    assert right["conv2d"](x[np.newaxis], w[np.newaxis]).tolist() == [[[[1 - 5, 2 - 6]]]]
    columns = right["im2col"](x, 2, 2, 1)
    assert columns.tolist() == [[1, 2], [2, 3], [4, 5], [5, 6]]
    assert right["product"](x, w[np.newaxis], 1).tolist() == [[[1 - 5, 2 - 6]]]
    assert right["col2im"](columns, 2, 3, 2, 2, 1).tolist() == [[[1, 4, 3], [4, 10, 6]]]
    assert right["max_pool2d"](pooled, 2).tolist() == [[[[6, 8]]]]
    grad_x, grad_weight, grad_bias = right["conv2d_backward"](g, x[np.newaxis], w[np.newaxis])
    assert grad_x.tolist() == [[[[1, 10, 0], [0, -1, -10]]]]
    assert (grad_weight.tolist(), grad_bias.tolist()) == ([[[[21, 32], [54, 65]]]], [11])
    assert right["max_pool2d_backward"](g, pooled, 2).tolist() == [[[[0, 0, 0, 0], [0, 1, 0, 10]]]]


def test_every_section_that_is_named_is_there() -> None:
    titles = re.findall(r"^## (\d+) (.*)$", (ROOT / "docs" / "lesson.md").read_text("utf-8"), re.MULTILINE)
    anchors = {f"{number}-{title.lower().replace(' ', '-').replace(',', '')}" for number, title in titles}
    named = set(re.findall(r"lesson\.md#([\w-]+)", README.read_text("utf-8")))
    assert len(named) == 8
    assert named <= anchors


# --------------------------------------------------------------------------------------------------------- the teacher


@pytest.fixture
def classroom(tmp_path: Path) -> Path:
    """Return a folder with a submission of each kind."""
    files = {
        "anna": filled(STEPS),
        "ben": filled(CONV, FLIPPED),
        "cleo": STUBS.read_text("utf-8"),
        "emil": filled(CONV).replace("import numpy as np", "import nump"),
    }
    for name, text in files.items():
        hand_in(tmp_path, name, text)
    shutil.copy(ROOT / "conftest.py", tmp_path)  # in a bare clone, it makes samesum look installed
    return tmp_path


def hand_in(folder: Path, name: str, text: str) -> None:
    """Put a submission where the teacher has it."""
    (folder / "submissions" / name).mkdir(parents=True)
    (folder / "submissions" / name / "my_conv.py").write_text(text, "utf-8")


def changed(text: str, *changes: tuple[str, str]) -> str:
    """Return a block of the page with changes that make it quick."""
    for before, after in changes:
        text, count = re.subn(before, after, text, flags=re.MULTILINE)
        assert count > 0, before
    return text


QUICK = (("exact or sizes or geometry", "geometry"), (r'^    "\w+_\w+": .*\n', ""))  # one check, on conv2d alone


def test_the_script_makes_the_table_of_the_page(classroom: Path) -> None:
    done = run(sys.executable, "-c", changed(block(TEACHING, "script"), *QUICK), folder=classroom)
    assert [line.rstrip() for line in done.stdout.splitlines()] == block(TEACHING, "table").splitlines(), done.stderr
    with (classroom / "grades.csv").open(newline="", encoding="utf-8") as file:
        table = {row[0]: row[1:] for row in csv.reader(file)}
    assert table["anna"] == ["conv2d", "passed", "1.0", "1.0", ""]
    assert table["ben"][-1].endswith("the kernel is flipped: a true convolution, not a cross-correlation.")
    assert list(table) == ["anna", "ben", "cleo", "emil"]


def test_the_script_survives_what_never_ends_and_what_ends_python(tmp_path: Path) -> None:
    for name, body in {
        "dora": "while True: pass",
        "fritz": "import os; os._exit(0)",
        "gina": "raise KeyboardInterrupt",
    }.items():
        hand_in(tmp_path, name, f"def conv2d(x, weight):\n    {body}\n")
    shutil.copy(ROOT / "conftest.py", tmp_path)
    text = changed(block(TEACHING, "script"), *QUICK, ("^SECONDS = 300", "SECONDS = 4"))
    done = run(sys.executable, "-c", text, folder=tmp_path)
    rows = [line.split(maxsplit=2)[2] for line in done.stdout.splitlines()]
    lost = "no report      0%   0%  it took too long, or ended Python"
    assert rows[:2] == [lost, lost], done.stderr
    assert rows[2] in (lost, "error          0%   0%  it was interrupted")  # on a very slow machine, it takes too long


@pytest.mark.skipif(shutil.which("timeout") is None, reason="the loop needs GNU coreutils")
def test_the_loop(classroom: Path) -> None:
    text = changed(block(TEACHING, "loop"), ("exact or sizes or geometry", "conv2d-geometry"))
    done = run("bash", "-c", text, folder=classroom)
    assert done.stdout + done.stderr == ""
    verdicts = {}
    for folder in sorted((classroom / "submissions").iterdir()):
        verdicts[folder.name] = json.loads((folder / "report.json").read_text("utf-8"))["verdict"]
    assert verdicts == {"anna": "passed", "ben": "failed", "cleo": "mistrusted", "emil": "error"}
    for name, words in {"ben": MISTAKES["flipped kernel"][-1], "emil": "No module named 'nump'"}.items():
        assert words in (classroom / "submissions" / name / "transcript.txt").read_text("utf-8")
