"""The benchmark's report: tables, means, pictures and files from a run whose numbers are simple."""

from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.layers import conv
from benchmarks.plots import draw
from benchmarks.results import Entry, LayerResult, NotARunError, Run, load, save
from benchmarks.timing import Settings

ONE = conv("Test: one", 1, 1, 1, 1)


@pytest.fixture
def run() -> Run:
    """Return a run of two layers with simple numbers: vectorized takes 2 and 8 times torch's time, so 4 in the mean."""
    slow, fast = conv("Net: slow", 4, 5, 4, 1), conv("Net: fast", 4, 5, 4, 1)
    layers = [
        LayerResult(slow, {
            "naive": Entry("not run", "over the budget of 4 s"),
            "vectorized": Entry("timed", "", 0.25, "gamma", 3 * 2**20, [1.0, 2.0, 3.0, 2.0, 2.0]),
            "torch": Entry("timed", "", 0.5, "gamma", None, [1.0, 1.0, 1.0, 1.0, 1.0]),
        }),
        LayerResult(fast, {
            "naive": Entry("timed", "", 0.1, "gamma", 0, [80e-3]),
            "vectorized": Entry("timed", "", 0.25, "gamma", 0, [8e-4]),
            "torch": Entry("timed", "", 0.5, "gamma", 0, [1e-4]),
        }),
    ]  # fmt: skip
    machine = {"cpu": "a CPU", "cores": 2, "system": "S", "python": "P", "allocator": "A", "others": 0.25}
    machine |= {"numpy": {"version": "2"}, "torch": {"version": "2.13.0", "threads": 2}}
    peak = {"numpy": 400.0, "torch": 800.0}
    return Run(
        "2026-01-02", "c", ["naive", "vectorized", "torch"], asdict(Settings()), machine, peak, layers, interrupted=False
    )


def test_the_overview_says_what_was_measured(run: Run) -> None:
    ((kind, rows),) = report.overview(run).sections
    assert kind == "dense convolution"
    # 400 multiply-adds are 800 operations: in 2 s half of 800 a second; 1,000,000 in 0.8 ms is beyond a peak of 800
    assert rows[0] == ["Net slow", "not run", "2.00 s", "1.00 s", "-", "2.00", "50 %", "-", "0.25", "3.0 MiB"]
    assert rows[1] == ["Net fast", "80.0 ms", "800 us", "100 us", "100", "8.00", "125000 %", "-", "0.25", "0.0 MiB"]


def test_means_are_of_the_layers_where_both_ran(run: Run) -> None:
    table = report.means(run)
    assert table.head[1:5] == ["vectorized / torch", "naive / vectorized", "naive / torch", "median naive / vectorized"]
    assert table.sections == [("", [["dense convolution", "4.00 (2)", "100 (1)", "800 (1)", "100 (1)", "-"]])]
    run.layers[1].entries["vectorized"] = Entry("wrong", "no", 7.0)
    assert report.means(run).sections == [("", [["dense convolution", "2.00 (1)", "-", "800 (1)", "-", "-"]])]


def test_the_floor_is_what_peak_and_bandwidth_leave(run: Run) -> None:
    run.bandwidth = {"numpy": 1e30}
    table = report.means(run)
    assert (table.head[-1], table.sections[0][1][0][-1]) == ("floor / torch", "100 (2)")  # 1 s over 1 s, and over 0.1 ms
    run.layers[1].entries["torch"] = Entry("not run")
    assert report.means(run).sections[0][1][0][-1] == "1.00 (1)"
    run.bandwidth = {"numpy": 10}  # and 4 bytes of each of 100 pixels, 16 + 4 of filters and 100 of results: 88 s
    assert report.means(run).sections[0][1][0][-1] == f"{run.layers[0].layer.traffic(4) / 10:.1f} (1)"


def test_details_show_the_spread(run: Run) -> None:
    run.layers[0].entries["vectorized"].samples = [1.0, 2.0, 3.0, 4.0, 5.0]
    run.layers[0].entries["torch"].samples = [0.5, 0.8, 1.0, 2.0, 4.0]
    rows = report.details(run).sections[0][1]
    assert rows[0][0] == "Net slow: 1x4x5x5 -> 4x5x5, 1x1"
    assert rows[2][:5] == ["- vectorized", "3.00 s", "2.00 s to 4.00 s", "5", "1.00 to 5.00"]
    assert rows[1][:5] == ["- naive", "not run", "-", "0", "-"]


def test_markdown_has_as_many_cells_in_every_row(run: Run) -> None:
    for table in (report.overview(run), report.details(run), report.means(run)):
        assert {line.count("|") for line in table.markdown().splitlines()} == {len(table.head) + 1}


def test_the_remarks_hide_nothing(run: Run) -> None:
    run.interrupted = True
    run.layers[1].entries["vectorized"] = Entry("wrong", "y[0] is 1 instead of 2", 7.0)
    remarks = report.remarks(run)
    assert remarks[0] == "INTERRUPTED after 2 layers."
    assert "Not run: naive: over the budget of 4 s." in remarks
    assert "Other programs took 25 % of the cores' time during the run: trust no time in it." in remarks
    assert not any(remark.startswith("Cores:") for remark in remarks)
    assert remarks[-1] == "Net fast: vectorized is WRONG: y[0] is 1 instead of 2"
    assert report.overview(run).sections[0][1][1][2] == "WRONG"


def test_the_remarks_say_where_the_cores_were_apart(run: Run) -> None:
    run.machine["round_trip"] = 2.5e-7
    run.layers[0].entries["torch"].apart, run.layers[1].near = [2.0, 2.0], False
    remarks = report.remarks(run)
    (cores,) = [remark for remark in remarks if remark.startswith("Cores:")]
    assert "a byte takes 0.25 us from one to the other and back at the nearest. 13 turns count, 2 were taken again" in cores
    assert "They were so for too long: from Net fast on all turns count (1 of 2 layers)." in remarks


def test_a_run_survives_its_file(run: Run, tmp_path: Path) -> None:
    run.layers[0].entries["naive"].apart, run.layers[1].near = [1.0], False
    run.layers[0].entries["torch"].error_over_bound = float("inf")  # no JSON: saved as null
    save(run, tmp_path / "run.json")
    again = load(tmp_path / "run.json")
    assert again.layers[0].entries["torch"].error_over_bound is None
    run.layers[0].entries["torch"].error_over_bound = None
    assert again == run
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("{}", "not a saved run"), ("[1]", "not a saved run"), ("x", "not a saved run"), ('{"format": 99}', "has format 99")],
)
def test_a_file_that_is_no_run_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text, "utf-8")
    with pytest.raises(NotARunError, match=message):
        load(tmp_path / "x.json")


def test_the_picture_is_drawn_with_and_without_torch_and_not_of_nothing(run: Run, tmp_path: Path) -> None:
    assert [path.name for path in draw(run, tmp_path / "a", "x")] == ["x.png", "x.svg"]
    assert "25 % of the cores taken by others" in (tmp_path / "a/x.svg").read_text("utf-8")  # as a comment beside the curves
    run.contestants = ["naive", "vectorized"]
    for result in run.layers:
        del result.entries["torch"]
    draw(run, tmp_path / "b", "x")
    assert (tmp_path / "a/x.svg").read_text("utf-8") != (tmp_path / "b/x.svg").read_text("utf-8")
    run.layers = [LayerResult(ONE, {"naive": Entry("not run"), "vectorized": Entry("not provided")})]
    assert draw(run, tmp_path / "c", "x") == []
