"""The plugin end to end, as a stranger meets it: samesum is installed, and pytest is run in a folder of their own."""

import json
import os
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from verification.checks import CHECKS
from verification.profiles import PROFILES

ROOT = Path(__file__).parent.parent
CORRECT = """
import numpy as np

def conv2d(images, filters):
    n, c, h, w = images.shape
    k, c, r, s = filters.shape
    y = np.zeros((n, k, h - r + 1, w - s + 1), images.dtype)
    for i in range(r):
        for j in range(s):
            y += np.einsum("nchw,kc->nkhw", images[:, :, i:i + h - r + 1, j:j + w - s + 1], filters[:, :, i, j])
    return y
"""
FLIPPED = CORRECT.replace("filters[:, :, i, j]", "filters[:, :, r - 1 - i, s - 1 - j]")
STUB = "def conv2d(x, weight, *, pad=0):\n    raise NotImplementedError('to be written')\n"
CHECK = "integers"  # one that is quick, draws its cases, and that a flipped kernel cannot pass
OTHERS = len(CHECKS[CHECK].operations) - 1  # functions that it could judge too
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that makes samesum look installed: what an installer writes about its entry points."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    folder = tmp_path_factory.mktemp("site")
    info = folder / f"samesum-{project['version']}.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: samesum\nVersion: {project['version']}\n")
    (plugin,) = project["entry-points"]["pytest11"].items()
    info.joinpath("entry_points.txt").write_text("[pytest11]\n{} = {}\n".format(*plugin))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a stranger's folder."""
    folder = tmp_path_factory.mktemp("stranger")
    files = {
        "correct": CORRECT,
        "flipped": FLIPPED,
        "stub": STUB,
        "broken": "import nonexistent\n",
        "none": "def forward(x): ...\n",
    }
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def run(site: Path, folder: Path) -> Run:
    """Return a function that runs Python in the stranger's folder, or in another."""

    def run(*arguments: str, folder: Path = folder) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(site), str(ROOT)])
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "", "COLUMNS": "120"}
        for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_XDIST_WORKER", "CI"):
            environment.pop(name, None)
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600)

    return run


@pytest.fixture(scope="module")
def verify(run: Run) -> Run:
    """Return a function that verifies, with one check, what the arguments name."""
    common = ["-m", "pytest", "-p", "no:cacheprovider", "--pyargs", "verification", "-k", CHECK, "--hypothesis-seed", "0"]

    def verify(name: str, *arguments: str, **where: Path) -> subprocess.CompletedProcess[str]:
        return run(*common, "--implementation", name, *arguments, **where)

    return verify


@pytest.fixture(scope="module")
def correct(verify: Run) -> subprocess.CompletedProcess[str]:
    """Return the run of a correct implementation."""
    return verify("correct.py", "--verification-report", "correct.json")


@pytest.fixture(scope="module")
def flipped(verify: Run) -> subprocess.CompletedProcess[str]:
    """Return the run of a wrong one."""
    return verify("flipped.py", "--verification-report", "flipped.json", "--junitxml", "flipped.xml")


def report(folder: Path, name: str) -> dict[str, object]:
    """Return a JSON report."""
    return json.loads((folder / f"{name}.json").read_text("utf-8"))


# ------------------------------------------------------------------------------------------------------------- verdicts


def test_correct(correct: subprocess.CompletedProcess[str], folder: Path) -> None:
    out = correct.stdout
    assert correct.returncode == 0, out
    assert f"verifying correct.py ({folder / 'correct.py'})" in out
    assert "  conv2d: no option; unsupported: bias, stride, padding, dilation, groups, rounding" in out
    assert "judge" in out
    assert f"\n{CHECK}  passed\n" in out
    assert "not provided: conv2d_backward, conv_transpose2d" in out
    assert f"correct.py: passed: 1 passed, {OTHERS} not provided; score 1.00" in out
    assert f"1 passed, {OTHERS} skipped" in out


def test_correct_report(correct: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert correct.returncode == 0
    found = report(folder, "correct")
    assert (found["schema"], found["verdict"], found["error"]) == (1, "passed", None)
    (theirs,) = found["implementations"]
    assert theirs["counts"]["passed"] == 1
    assert not theirs["complete"]  # -k chose one check of many
    check = theirs["functions"]["conv2d"]["checks"][CHECK]
    assert check["verdict"] == "passed"
    assert check["checked"] > 0


def test_nothing_is_left_in_the_folder(verify: Run, tmp_path: Path) -> None:
    (tmp_path / "flipped.py").write_text(FLIPPED)
    assert verify("flipped.py", "--verification-report", "report.json", folder=tmp_path).returncode == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flipped.py", "report.json"]


def test_wrong(flipped: subprocess.CompletedProcess[str]) -> None:
    out = flipped.stdout
    assert flipped.returncode == 1
    assert "The smallest case that shows it, to paste:" in out
    assert "    from flipped import conv2d" in out
    assert "first bad index: (" in out
    assert "Diagnosis:\n  - " in out
    assert f"flipped.py: failed: 1 failed, {OTHERS} not provided; score 0.00" in out
    for ours in ("session.py", "/conformance.py", "runner.py", "Traceback", "AssertionError"):
        assert ours not in out


def test_the_pasted_case_runs_with_numpy_and_the_implementation_alone(
    flipped: subprocess.CompletedProcess[str], folder: Path
) -> None:
    assert flipped.returncode == 1
    failure = report(folder, "flipped")["implementations"][0]["functions"]["conv2d"]["checks"][CHECK]["failure"]
    code = failure["code"] + "\nimport sys\nassert not {'contract', 'verification', 'torch'} & set(sys.modules)\n"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.split() == failure["got"].split()
    assert failure["got"] != failure["expected"]


def test_junit_holds_the_same_text(flipped: subprocess.CompletedProcess[str], folder: Path) -> None:
    cases = {case.get("name"): case for case in ET.parse(folder / "flipped.xml").iter("testcase")}
    text = cases[f"test_conformance[conv2d-{CHECK}]"].find("failure").text
    assert text.strip() in flipped.stdout
    assert cases[f"test_conformance[max_pool2d-{CHECK}]"].find("skipped").get("message") == "not provided"


def test_nothing_is_never_a_pass(verify: Run, folder: Path) -> None:
    done = verify("stub.py", "--verification-report", "stub.json")
    assert done.returncode == 1
    assert "conv2d has an unknown parameter 'pad': did you mean 'padding'?" in done.stdout
    assert f"stub.py: mistrusted: 1 unsupported, {OTHERS} not provided" in done.stdout
    assert report(folder, "stub")["verdict"] == "mistrusted"


def test_xdist_gives_the_same_scorecard(verify: Run, flipped: subprocess.CompletedProcess[str], folder: Path) -> None:
    pytest.importorskip("xdist")
    done = verify("flipped.py", "-n", "2", "--verification-report", "xdist.json")
    assert done.returncode == 1

    def without_times(name: str) -> str:
        return json.dumps(report(folder, name), default=str).partition('"seconds"')[0]

    assert without_times("xdist") == without_times("flipped")
    assert flipped.stdout.split("= verification of")[1].split("===")[0] in done.stdout


def test_several_at_once(verify: Run, folder: Path) -> None:
    done = verify("flipped.py", "--implementation", "stub.py", "--verification-report", "several.json", "-x")
    assert done.returncode == 1
    assert f"test_conformance[flipped.py-conv2d-{CHECK}]" in done.stdout
    assert [theirs["name"] for theirs in report(folder, "several")["implementations"]] == ["flipped.py"]  # -x stops there


# --------------------------------------------------------------------------------------------------------- usage errors


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.py", "ERROR: no such file: 'missing.py'"),
        ("broken.py", "ModuleNotFoundError: No module named 'nonexistent'"),
    ],
)
def test_usage_errors(verify: Run, folder: Path, name: str, message: str) -> None:
    done = verify(name, "--verification-report", "error.json")
    assert done.returncode == 4
    assert message in done.stderr
    assert "session.py" not in done.stderr
    found = report(folder, "error")
    assert found["verdict"] == "error"
    assert message.removeprefix("ERROR: ") in found["error"]


def test_nothing_named(run: Run) -> None:
    done = run("-m", "pytest", "--pyargs", "verification")
    assert done.returncode == 4
    assert "there is nothing to verify: name an implementation" in done.stderr


def test_named_but_not_verified(run: Run, folder: Path) -> None:
    (folder / "test_theirs.py").write_text("def test_theirs():\n    pass\n")
    done = run("-m", "pytest", "-p", "no:cacheprovider", "--implementation", "correct.py", "test_theirs.py")
    assert done.returncode == 4
    assert "nothing was verified" in done.stdout


def test_a_report_that_cannot_be_written(verify: Run) -> None:
    done = verify("correct.py", "--verification-report", "no/such/folder.json")
    assert done.returncode == 4
    assert "there is no such folder" in done.stderr


def test_profiles_are_offered_by_name(run: Run) -> None:
    assert f"--verification-profile {{{','.join(PROFILES)}}}" in " ".join(run("-m", "pytest", "--help").stdout.split()).replace(
        "=", " "
    )


# ------------------------------------------------------------------------------------------- a stranger's own settings


def test_settings_of_a_strangers_project_do_not_matter(run: Run, folder: Path) -> None:
    project = folder / "project"
    project.mkdir()
    (project / "pytest.ini").write_text(
        "[pytest]\npython_files = check_*.py\npython_functions = verify_*\n"
        "addopts = --doctest-modules\nfilterwarnings = error\n"
    )
    warns = CORRECT.replace("    n, c", "    import warnings\n    warnings.warn('mine')\n    n, c")
    (project / "warns.py").write_text(warns)
    done = run(
        *("-m", "pytest", "-p", "no:cacheprovider", "-c", "project/pytest.ini", "--rootdir", "project"),
        *("--pyargs", "verification", "-k", CHECK, "--implementation", "project/warns.py"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"collected {sum(len(check.operations) for check in CHECKS.values())} items" in done.stdout  # and no doctest
    assert f"1 passed, {OTHERS} skipped" in done.stdout


def test_a_projects_settings_can_name_its_implementations(run: Run, folder: Path) -> None:
    project = folder / "own"
    project.mkdir()
    (project / "pytest.ini").write_text("[pytest]\nverification_implementations = naive\nfilterwarnings = error\n")
    done = run(
        *("-m", "pytest", "-p", "no:cacheprovider", "-c", "own/pytest.ini", "--rootdir", "own"),
        *("--pyargs", "verification", "-k", f"max_pool2d-{CHECK}", "--hypothesis-seed", "0"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "naive: passed: 1 passed; score 1.00; not every check was run" in done.stdout


def test_other_projects_pay_nothing(run: Run, folder: Path) -> None:
    text = (
        "import sys\n"
        "def test_nothing_is_loaded():\n"
        "    assert 'verification.plugin' in sys.modules\n"
        "    found = [m for m in sys.modules if m.startswith('verification.') and m != 'verification.plugin']\n"
        "    assert not found\n"
        "    assert not {'numpy', 'torch', 'hypothesis', 'contract', 'naive', 'vectorized'} & set(sys.modules)\n"
    )
    (folder / "test_other.py").write_text(text)
    done = run("-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "test_other.py")
    assert done.returncode == 0, done.stdout
    assert "verification" not in done.stdout


# ---------------------------------------------------------------------------------------------- two lines; one call


def test_two_lines_in_ones_own_test_file(run: Run, folder: Path) -> None:
    text = (
        "import flipped, correct\n"
        "from verification import parametrize_with_checks\n"
        "@parametrize_with_checks(correct)\n"
        "def test_correct(check): check()\n"
        "@parametrize_with_checks(flipped)\n"
        "def test_flipped(check): check()\n"
    )
    (folder / "test_mine.py").write_text(text)
    done = run("-m", "pytest", "-p", "no:cacheprovider", "test_mine.py", "-k", CHECK, "--verification-report", "mine.json")
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert f"test_mine.py::test_flipped[conv2d-{CHECK}]" in done.stdout
    assert "The smallest case that shows it, to paste:" in done.stdout
    assert "session.py" not in done.stdout
    assert [theirs["verdict"] for theirs in report(folder, "mine")["implementations"]] == ["passed", "failed"]


def test_one_call_in_a_notebook(run: Run) -> None:
    code = (
        "import correct, verification, sys\n"
        "assert 'numpy' in sys.modules and 'hypothesis' not in sys.modules\n"
        f"card = verification.verify(correct, 'conv2d-{CHECK}')\n"
        "print(card.passed, card)\n"
    )
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("True ")
    assert "correct: passed: 1 passed; score 1.00; not every check was run" in done.stdout
