"""The benchmark as a user meets it: the command from end to end, and what it does when something is wrong."""

import json
import platform
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.__main__ import main
from benchmarks.results import load
from faulty import plant

ROOT = Path(__file__).parent.parent
SMOKE = ["--quick", "--layer", "LeNet-5 conv2", "--layer", "LeNet-5 pool2"]
HEARS = (  # a shell that runs this in the background ignores SIGINT, and so would its children
    "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "runpy.run_module('benchmarks', run_name='__main__', alter_sys=True)"
)
BREAK = signal.CTRL_BREAK_EVENT if sys.platform == "win32" else signal.SIGINT


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run the command once, on two small layers with the default contestants."""
    folder = tmp_path_factory.mktemp("smoke")
    command = [sys.executable, "-m", "benchmarks", *SMOKE, "--output", str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, encoding="utf-8"), folder


def test_a_run_checks_times_shows_and_saves(smoke: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, folder = smoke
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("[1/2] LeNet-5 conv2 5x5: naive ")  # no terminal: plain lines, not a bar
    assert "speed-up over naive" in done.stdout
    files = sorted(path.suffix for path in folder.iterdir())
    assert files == [".json", ".png", ".svg"]
    run = load(next(folder.glob("*.json")))
    assert not run.interrupted
    assert [result.layer.title for result in run.layers] == ["LeNet-5 conv2 5x5", "LeNet-5 pool2 2x2/2"]
    for result in run.layers:
        assert list(result.entries) == ["naive", "tensordot", "vectorized", "vectorized:fast", "torch"]
        for name, entry in result.entries.items():
            if name == "vectorized:fast" and result.layer.operation != "conv2d":
                assert entry.status == "not provided"
                continue
            assert (name, entry.status) == (name, "timed"), entry.reason
            assert entry.error_over_bound is not None
            assert 0 < entry.error_over_bound < 1
            assert entry.samples
            assert len(entry.samples) <= 5 or not result.near
            assert min(entry.samples) > 0
            assert (entry.scratch is None) == (platform.system() != "Linux")
    assert run.peak["numpy"] > 1e8
    assert run.peak["torch"] > 1e8
    assert {"cpu", "cores", "system", "python", "allocator", "numpy", "torch"} <= set(run.machine)


def test_a_saved_run_names_no_host_user_or_path(smoke: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, folder = smoke
    text = next(folder.glob("*.json")).read_text("utf-8")
    assert json.loads(text)["command"] == "python -m benchmarks --quick --layer 'LeNet-5 conv2' --layer 'LeNet-5 pool2'"
    for path in (ROOT, folder, Path.home(), Path(sys.prefix), Path(sys.executable).parent):
        assert str(path) not in text
    assert not re.search(rf"\b{re.escape(platform.node())}\b", text)


def test_a_saved_run_is_drawn_again(smoke: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path, capsys: Any) -> None:
    file = next(smoke[1].glob("*.json"))
    assert main(["report", str(file), "--markdown", "--plot", str(tmp_path / "pictures")]) == 0
    shown = capsys.readouterr().out
    assert "| **dense convolution** |" in shown
    assert "| LeNet-5 conv2 5x5 | " in shown
    drawn = tmp_path / "pictures" / file.stem
    assert drawn.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert ET.parse(drawn.with_suffix(".svg")).getroot().tag.endswith("svg")
    assert drawn.with_suffix(".svg").read_bytes() == file.with_suffix(".svg").read_bytes()
    assert main(["report", str(file), "--details"]) == 0
    assert "1x6x14x14 -> 16x10x10, 5x5" in capsys.readouterr().out


def test_a_wrong_contestant_is_flagged_and_not_timed(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, monkeypatch)
    arguments = ["--quick", "--layer", "LeNet-5 conv2", "--output", str(tmp_path / "out")]
    names = ["planted_wrong", "talkative", "refusing", "raising"]
    assert main([*arguments, *(word for name in names for word in ("--contestant", name))]) == 1
    shown = capsys.readouterr().out
    assert "WRONG" in shown
    assert re.search(r"LeNet-5 conv2 5x5: planted_wrong is WRONG: y\[0, 15, 9, 9\] is .* times its bound", shown)
    entries = load(next((tmp_path / "out").glob("*.json"))).layers[0].entries
    assert {name: entry.status for name, entry in entries.items()} == {
        "planted_wrong": "wrong", "talkative": "timed", "refusing": "not provided", "raising": "failed",
    }  # fmt: skip
    assert entries["planted_wrong"].samples == []
    assert entries["refusing"].reason == "only on Tuesdays"
    assert entries["raising"].reason == "ValueError: no raising.py"


def test_an_interrupted_run_keeps_what_is_done_and_ends_its_workers(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HEARS, "--quick", "--network", "AlexNet", "--contestant", "tensordot"]
    apart: dict[str, Any] = {"creationflags": 0x200} if sys.platform == "win32" else {}  # a group of its own to break
    with subprocess.Popen(
        [*command, "--output", str(tmp_path)], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **apart
    ) as running:
        assert running.stderr is not None
        assert running.stderr.readline().startswith("[1/")
        workers = psutil.Process(running.pid).children()
        running.send_signal(BREAK)
        shown, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert said.endswith("interrupted\n")
    assert "INTERRUPTED after" in shown
    run = load(next(tmp_path.glob("*.json")))
    assert run.interrupted
    assert 1 <= len(run.layers) < 8
    assert workers
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--network", "Skynet"], "no layer fits --network Skynet; the networks are AlexNet, VGG-16,"),
        (["--contestant", "nobody"], "no such contestant: nobody"),
        (["--contestant", "no.body:fast"], "no such contestant: no.body:fast"),
        (["--batch", "0"], "must be at least 1, got 0"),
        (["--budget", "nan"], "must be a number of seconds, got nan"),
        (["--dtype", "int8"], "invalid choice: 'int8'"),
        (["--out", "x"], "unrecognized arguments"),
        (["report", "no_such_file.json"], "no_such_file.json cannot be read: No such file or directory"),
        (["report", "pyproject.toml"], "pyproject.toml is not a saved run"),
    ],
)
def test_wrong_usage_is_told_in_a_sentence(
    arguments: list[str], message: str, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_output_that_cannot_be_a_folder_is_told_before_anything_runs(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as stopped:
        main(["--quick", "--output", str(tmp_path / "file")])
    assert stopped.value.code == 2
    assert "File exists" in capsys.readouterr().err


def test_the_layers_are_listed(capsys: Any) -> None:
    assert main(["--list", "--network", "lenet", "--operation", "conv2d", "--batch", "5"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.split(maxsplit=3)[3] == "5x1x32x32 -> 6x28x28, 5x5"
    assert second.startswith("LeNet-5 conv2 5x5 ")
