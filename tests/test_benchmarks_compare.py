"""What a saved run says of algorithms and growth, from a run whose numbers are simple; and the constants that are measured."""

import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from benchmarks import compare, constants, curves, report
from benchmarks.layers import GROWTH, conv
from benchmarks.results import Entry, LayerResult, Run
from benchmarks.selection import NothingSelectedError, select
from benchmarks.timing import Settings

ROOT = Path(__file__).parent.parent


def timed(seconds: float, error_class: str = "gamma", algorithm: str = "", error: float = 0.5) -> Entry:
    return Entry("timed", "", error, error_class, 0, [seconds], algorithm)


def run_of(contestants: list[str], layers: list[LayerResult]) -> Run:
    machine = {"cpu": "a CPU", "cores": 2, "system": "S", "python": "P", "allocator": "A", "others": 0.0}
    machine |= {"numpy": {"version": "2"}, "torch": {"version": "2.13.0", "threads": 2}}
    return Run("2026-01-02", "c", contestants, asdict(Settings()), machine, {"numpy": 8e9}, layers, False, {"numpy": 4e9})


@pytest.fixture
def run() -> Run:
    """Return two layers: on the first auto takes the best of its class, on the second one that takes twice as long."""
    names = ["vectorized", "vectorized:fast", "vectorized:strips", "vectorized:shifted", "vectorized:winograd4", "torch"]
    first = {
        "vectorized": timed(1.0, algorithm="strips"), "vectorized:fast": timed(0.5, "winograd", "winograd4", 8.0),
        "vectorized:strips": timed(1.0), "vectorized:shifted": timed(3.0),
        "vectorized:winograd4": timed(0.5, "winograd", "winograd4", 8.0), "torch": timed(1.0),
    }  # fmt: skip
    second = {**first, "vectorized:strips": timed(4.0), "vectorized:shifted": timed(2.0)}
    return run_of(names, [LayerResult(conv("Net: a", 4, 5, 4, 3), first), LayerResult(conv("Net: b", 4, 6, 4, 3), second)])


def test_what_auto_chose_and_lost(run: Run) -> None:
    ((_, rows),) = compare.choices(run).sections
    assert rows[0] == ["Net a", "strips", "strips 1.00 s", "1.00", "winograd4", "winograd4 500 ms", "1.00"]
    assert rows[1] == ["Net b", "strips", "shifted 2.00 s", "2.00", "winograd4", "winograd4 500 ms", "1.00"]
    assert compare.summary(run).sections == [
        ("", [["vectorized", "2", "50 %", "1.41", "2.00"], ["vectorized:fast", "2", "100 %", "1.00", "1.00"]])
    ]


def test_accuracy_stands_beside_time(run: Run) -> None:
    rows = {row[0]: row[1:] for row in compare.accuracy(run).sections[0][1]}
    assert rows["vectorized:winograd4"] == ["2", "0.25", "8", "8"]  # 0.5/1 and 0.5/4
    assert rows["vectorized:strips"] == ["2", "1.00", "0.5", "0.5"]


def test_what_it_costs_that_the_cores_are_apart(run: Run) -> None:
    assert "While the cores are apart" not in [table.title for table in compare.tables(run)]
    run.layers[0].entries["torch"].apart = [2.0, 4.0, 8.0]
    run.layers[1].entries |= {"vectorized": replace(timed(1.0), apart=[1.5]), "torch": replace(timed(1.0), apart=[16.0])}
    assert compare.apart(run).sections[0][1] == [
        ["vectorized", "1", "1.50", "1.50 (Net b)"],
        ["torch", "2", "8.00", "16.0 (Net b)"],
    ]
    assert "While the cores are apart" in [table.title for table in compare.tables(run)]


def test_growth_is_the_slope_of_logarithms(tmp_path: Path) -> None:
    layers = [
        LayerResult(layer, {"vectorized": timed(1e-9 * layer.macs), "torch": timed(1e-12 * layer.macs**1.5)})
        for layer in GROWTH
    ]
    run = run_of(["vectorized", "torch"], layers)
    rows = compare.growth(run).sections[0][1]
    assert [row[0] for row in rows] == ["batch", "size", "channels", "kernel"]
    assert {tuple(row[2:]) for row in rows} == {("1.00", "1.50")}
    assert [path.name for path in curves.draw(run, tmp_path, "x")] == ["x-growth.png", "x-growth.svg"]
    assert "batch grows" in (tmp_path / "x-growth.svg").read_text("utf-8")


def test_growth_goes_over_two_decades() -> None:
    for what in ("batch", "size", "channels"):
        macs = [layer.macs for layer in GROWTH if layer.name.startswith(what)]
        assert macs == sorted(macs)
        assert macs[-1] >= 100 * macs[0]
    assert select(growth=True) == list(GROWTH)
    with pytest.raises(NothingSelectedError):
        select(growth=True, operations=["max_pool2d"])


def test_the_roofline(run: Run) -> None:
    result = run.layers[0]  # 4*9*4*9 = 1296 multiply-adds; 100 + 148 + 36 numbers of four bytes
    assert result.layer.traffic(4) == 4 * (4 * 25 + 4 * 36 + 4 + 36)
    assert run.floor(result) == max(2 * 1296 / 8e9, 1136 / 4e9) == 2 * 1296 / 8e9
    assert run.share_of_bandwidth(result, "torch") == 1136 / 4e9
    assert "Bandwidth: a copy of 64.0 MiB, in GB/s read and written: numpy 4.0." in " ".join(report.remarks(run))


def test_tables_are_shown_where_there_is_data(run: Run, tmp_path: Path) -> None:
    assert [table.title.split()[0] for table in compare.tables(run)] == ["What", "Auto", "Accuracy"]
    assert [path.name for path in curves.draw(run, tmp_path, "x")] == ["x-accuracy.png", "x-accuracy.svg"]
    plain = run_of(["vectorized", "torch"], run.layers)
    assert compare.tables(plain) == []
    assert curves.draw(plain, tmp_path, "y") == []


def test_the_constants_are_measured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(constants, "SECONDS", 0.0)
    constants.main()
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(line.split()[0] for line in lines[1:]) == (
        "MULTIPLY SMALL COPY RUN DEALT SCATTERED ADD SHORT FUSED STEP DOT BEGIN TURNED CALL"
    )


def test_algorithms_take_part_by_one_word(tmp_path: Path) -> None:
    few = ["--quick", "--layer", "LeNet-5 conv2", "--contestant", "torch", "--contestant", "vectorized"]
    command = [sys.executable, "-m", "benchmarks", *few, "--algorithms", "--output", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert "What auto chose" in done.stdout
    assert len(list(tmp_path.glob("*-accuracy.svg"))) == 1
