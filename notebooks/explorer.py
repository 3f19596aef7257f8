"""The explorer: move a slider and see a convolution become one matrix product; the same for both poolings.

    python -m pip install -e ".[explore]"
    marimo run notebooks/explorer.py        # marimo edit: with the code of every cell

Nothing is fetched from the network. PyTorch joins in where it is installed. ``drawing`` makes the pictures, ``wording`` the
sentences with numbers.
"""

# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="A window slides over an image")

with app.setup:
    import inspect
    import timeit
    from html import escape

    import drawing
    import marimo as mo
    import numpy as np
    import wording

    import naive
    import naive.formulas
    import vectorized
    import vectorized.formulas


# ------------------------------------------------------------------------------------------------------------ controls


@app.cell
def _():
    tab = mo.ui.tabs({"Convolution": "", "Max pooling": "", "Average pooling": ""})
    mo.vstack([mo.md("# A window slides over an image"), tab])
    return (tab,)


@app.cell
def _():
    def _slider(least, most, value, label):
        return mo.ui.slider(least, most, value=value, label=label, show_value=True, full_width=True)

    H_slider, W_slider = _slider(1, 10, 5, "H, rows"), _slider(1, 10, 7, "W, columns")
    C_slider, K_slider = _slider(1, 3, 2, "C, channels"), _slider(1, 4, 2, "K, filters (convolution)")
    F_slider, S_slider = _slider(1, 5, 3, "F, window size"), _slider(1, 4, 2, "S, stride")
    P_slider, D_slider = _slider(0, 3, 1, "P, padding"), _slider(1, 3, 1, "D, dilation (not in average pooling)")
    numbers_slider = _slider(1, 9, 1, "other numbers")
    rounding_radio = mo.ui.radio(["exact", "floor", "ceil"], value="exact", inline=True, label="rounding")
    padding_box = mo.ui.checkbox(True, label="the average counts the padding")
    # All of them, always: a sidebar that changes mixes up what its sliders show.
    _sliders = [H_slider, W_slider, C_slider, K_slider, F_slider, S_slider, P_slider, D_slider, numbers_slider]
    mo.sidebar([*_sliders, rounding_radio, padding_box], width="340px")
    return (
        C_slider,
        D_slider,
        F_slider,
        H_slider,
        K_slider,
        P_slider,
        S_slider,
        W_slider,
        numbers_slider,
        padding_box,
        rounding_radio,
    )


@app.cell
def _(
    C_slider,
    D_slider,
    F_slider,
    H_slider,
    K_slider,
    P_slider,
    S_slider,
    W_slider,
    numbers_slider,
    padding_box,
    rounding_radio,
    tab,
):
    chosen = {
        "operation": tab.value,
        "H": H_slider.value,
        "W": W_slider.value,
        "C": C_slider.value,
        "K": K_slider.value,
        "F": F_slider.value,
        "S": S_slider.value,
        "P": P_slider.value,
        "D": D_slider.value,
        "numbers": numbers_slider.value,
        "rounding": rounding_radio.value,
        "count_include_pad": padding_box.value,
    }
    return (chosen,)


# ------------------------------------------------------------------------------------------------- what is computed


@app.cell
def _(chosen):
    H, W, C, K, F, S, P, D = (chosen[letter] for letter in "HWCKFSPD")
    function = {"Convolution": "conv2d", "Max pooling": "max_pool2d", "Average pooling": "avg_pool2d"}[chosen["operation"]]
    if function == "avg_pool2d":
        D = 1  # average pooling takes no dilation
    return C, D, F, H, K, P, S, W, function


@app.cell
def _(C, F, H, K, W, chosen):
    # Small whole numbers: every sum is exact, and can be checked by hand. Cut from one block, so that a slider keeps the rest.
    _draw = np.random.default_rng(chosen["numbers"])
    x = _draw.integers(0, 10, (3, 10, 10))[:C, :H, :W].astype(np.float32)
    weight = _draw.integers(-2, 3, (4, 3, 5, 5))[:K, :C, :F, :F].astype(np.float32)
    bias = _draw.integers(-3, 4, 4)[:K].astype(np.float32)
    return bias, weight, x


@app.cell
def _(D, F, P, S, bias, chosen, function, weight, x):
    arguments = (x, weight, bias) if function == "conv2d" else (x, F)
    options = {"stride": S, "padding": P, "rounding": chosen["rounding"]}
    if function == "avg_pool2d":
        options["count_include_pad"] = chosen["count_include_pad"]
    else:
        options["dilation"] = D
    return arguments, options


@app.cell
def _(arguments, function, options):
    def by_naive():
        return getattr(naive, function)(*arguments, **options)

    def by_vectorized():
        as_drawn = {"algorithm": "im2col"} if function == "conv2d" else {}
        return getattr(vectorized, function)(*arguments, **options, **as_drawn)

    return by_naive, by_vectorized


@app.cell
def _(by_naive, by_vectorized):
    try:
        results, problem = {"naive": by_naive(), "vectorized": by_vectorized()}, ""
    except ValueError as _error:
        results, problem = {}, str(_error)
    return problem, results


# ----------------------------------------------------------------------------------------------------- 1. the windows


@app.cell
def _(function):
    _what = {
        "conv2d": "multiplies the numbers under it by the numbers of a filter and adds them up",
        "max_pool2d": "takes the largest number under it",
        "avg_pool2d": "takes the mean of the numbers under it",
    }[function]
    mo.md(
        f"""
Wherever the window stops, it {_what}. That is one cell of the output.

## 1. How many windows fit?

The stride S is how far the window moves. The padding P is how many rows and columns surround the image.
The dilation D is how far apart the window's taps (■) are.
If the last window sticks out, `exact` refuses, `floor` drops it, and `ceil` (pooling only) keeps it, unless it starts
after the image.
"""
    )
    return


@app.cell
def _(D, F, H, P, S, W, chosen, function):
    _rounding = "exact" if function == "conv2d" and chosen["rounding"] == "ceil" else chosen["rounding"]
    mo.Html(drawing.axes(H, W, F, S, P, D, _rounding))
    return


@app.cell
def _(D, F, H, P, S, W, implementation, problem, results):
    mo.stop(
        problem,
        mo.callout(
            mo.Html(f"<b>Impossible:</b> {escape(problem)}.<br>Move a slider, and the pictures come back."),
            kind="warn",
        ),
    )
    y = results[implementation.value]
    mo.Html(
        wording.paragraphs(
            [
                "height: " + wording.law("H", H, F, S, P, D, y.shape[1]),
                "width: " + wording.law("W", W, F, S, P, D, y.shape[2]),
            ]
        )
    )
    return (y,)


# ------------------------------------------------------------------------------------------------------ 2. one window


@app.cell
def _(y):
    mo.md(
        f"""
## 2. One window, one output cell

The output has {y.shape[0]}·{y.shape[1]}·{y.shape[2]} = {y.size} cells, each the answer to one window.
Point at a cell: its window is framed. Pick a cell here, and follow it below. Dashed cells are padding.
"""
    )
    return


@app.cell
def _():
    last_pick = {"k": 0, "i": 1, "j": 1}  # the sliders below are made anew when the output's shape changes
    return (last_pick,)


@app.cell
def _(last_pick, y):
    def _slider(name, size, label):
        return mo.ui.slider(0, size - 1, value=min(last_pick[name], size - 1), label=label, show_value=True)

    k_slider = _slider("k", y.shape[0], "k, channel")
    i_slider, j_slider = _slider("i", y.shape[1], "i, row"), _slider("j", y.shape[2], "j, column")
    mo.hstack([k_slider, i_slider, j_slider], justify="start", gap=1)
    return i_slider, j_slider, k_slider


@app.cell
def _(i_slider, j_slider, k_slider, last_pick):
    k, i, j = k_slider.value, i_slider.value, j_slider.value
    last_pick.update(k=k, i=i, j=j)
    return i, j, k


@app.cell
def _(D, F, H, P, S, W, function, x, y):
    # The padded image, and beyond it nothing (NaN), as far as the last window reaches.
    _size = [max(_n + 2 * P, (_count - 1) * S + D * (F - 1) + 1) for _n, _count in zip((H, W), y.shape[1:], strict=True)]
    seen = np.full((len(x), *_size), np.nan, np.float32)
    seen[:, : H + 2 * P, : W + 2 * P] = -np.inf if function == "max_pool2d" else 0
    seen[:, P : P + H, P : P + W] = x
    padding_cells = np.ones(_size, bool)
    padding_cells[P : P + H, P : P + W] = False
    return padding_cells, seen


@app.cell
def _(D, F, S, function, i, j, k, padding_cells, seen, weight, y):
    channels = range(len(seen)) if function == "conv2d" else [k]  # pooling keeps the channels apart
    _filter = weight[k] if function == "conv2d" else None
    mo.Html(drawing.sliding({c: seen[c] for c in channels}, padding_cells, _filter, y[k], (k, i, j), F, S, D))
    return (channels,)


@app.cell
def _(D, F, S, channels, i, j, seen):
    taps = np.ix_(i * S + D * np.arange(F), j * S + D * np.arange(F))
    window = np.stack([seen[c][taps] for c in channels])  # (C, F, F)
    return taps, window


@app.cell
def _(bias, chosen, function, i, j, k, padding_cells, taps, weight, window, y):
    _name = f"y[{k}, {i}, {j}]"
    if function == "conv2d":
        _sum = wording.dot_product(_name, window, weight[k], bias[k], y[k, i, j])
    elif function == "max_pool2d":
        _sum = wording.maximum(_name, window[0], y[k, i, j])
    else:
        _counted = ~np.isnan(window[0]) & (chosen["count_include_pad"] | ~padding_cells[taps])
        _sum = wording.mean(_name, window[0], _counted.sum(), y[k, i, j])
    mo.Html(_sum)
    return


# ------------------------------------------------------------------------------------------------------ 3. the columns


@app.cell
def _(function, i, j, y):
    _how = {
        "conv2d": "Stretch every window into a column, and every filter into a row. Row k times column p is cell p of output "
        "channel k. So the whole convolution is **one matrix product**, plus the bias.",
        "max_pool2d": "Stretch every window into a column. The largest number of column p is cell p.",
        "avg_pool2d": "Stretch every window into a column. The mean of column p is cell p.",
    }[function]
    _, _P, _Q = y.shape
    mo.md(
        f"## 3. All windows at once\n\n{_how}\n\n"
        f"The picked cell, row {i}, column {j}, is cell p = {i}·{_Q} + {j} = {i * _Q + j}. "
        f"The {_P * _Q} cells of a row, reshaped to {_P} × {_Q}, are one output channel."
    )
    return


@app.cell
def _(D, F, S, seen):
    stretched = vectorized.im2col(seen, F, stride=S, dilation=D, rounding="floor")  # (C*F*F, P*Q)
    return (stretched,)


@app.cell
def _(F, bias, function, i, j, k, stretched, weight, y):
    _p, _y = i * y.shape[2] + j, y.reshape(len(y), -1)
    if function == "conv2d":
        _names = ("columns", "filters × columns + bias")
        _picture = drawing.matrices(stretched, _y, weight, bias, k, _p, _names)
    else:
        _names = (f"columns of channel {k}", "the largest of each" if function == "max_pool2d" else "the mean of each")
        _picture = drawing.matrices(stretched[k * F * F : (k + 1) * F * F], _y[[k]], None, None, 0, _p, _names)
    mo.Html(_picture)
    return


@app.cell
def _(D, F, H, P, S, W, seen, stretched, x):
    # col2im adds every column back where it was read: of ones, it counts how often each cell is read.
    _times = vectorized.col2im(np.ones_like(stretched), seen.shape[1:], F, stride=S, dilation=D, rounding="floor")
    _times = _times[:, P : P + H, P : P + W]
    mo.md(
        f"The image has {x.size} numbers, its columns have {stretched.size}: that is what this costs in memory. "
        f"No number of the image stands in more columns than {_times.max():.0f}; {np.sum(_times == 0)} stand in none."
    )
    return


# --------------------------------------------------------------------------------------------------- 4. two programs


@app.cell
def _():
    implementation = mo.ui.radio(["naive", "vectorized"], value="naive", inline=True)
    return (implementation,)


@app.function
def seconds(call):
    """Return the shortest time of a call, measured for some hundredths of a second."""
    once = timeit.timeit(call, number=1)
    loops = max(1, min(100, int(0.01 / once)))
    return min(timeit.repeat(call, number=loops, repeat=3)) / loops


@app.cell
def _(by_naive, by_vectorized, results, y):
    _same = np.array_equal(results["naive"], results["vectorized"])
    mo.md(
        f"""
## 4. Two programs, one sum

`naive` visits every output cell with loops. `vectorized` works on whole arrays.
They give {"the same numbers, to the last bit" if _same else "**different** numbers"}.

| | all {y.size} output cells take |
|---|---|
| naive | {wording.duration(seconds(by_naive))} |
| vectorized | {wording.duration(seconds(by_vectorized))} |
"""
    )
    return


@app.cell
def _(function, implementation, y):
    _parts = [mo.hstack([f"The {y.size} cells above are by", implementation], justify="start")]
    if function != "avg_pool2d":  # the course notes have none
        _module = {"naive": naive.formulas, "vectorized": vectorized.formulas}[implementation.value]
        _idea = _module.convolve if function == "conv2d" else _module.max_pool
        _title = f"The idea as code, in the course notes' letters: {_module.__name__}.{_idea.__name__}"
        _parts.append(mo.accordion({_title: mo.md(f"```python\n{inspect.getsource(_idea)}```")}))
    mo.vstack(_parts)
    return


# -------------------------------------------------------------------------------------------------------- 5. PyTorch


@app.cell
def _():
    try:
        import torch
    except ImportError:
        torch = None
    return (torch,)


@app.cell
def _(arguments, function, options, torch):
    def by_torch():
        _options = {name: value for name, value in options.items() if name != "rounding"}
        if options["rounding"] == "ceil":
            _options["ceil_mode"] = True
        _arguments = [torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in arguments]
        return getattr(torch.nn.functional, function)(*_arguments, **_options).numpy()

    return (by_torch,)


@app.cell
def _(by_torch, torch, y):
    mo.stop(torch is None, mo.md("## 5. PyTorch\n\nIt is not installed here. Where it is, it is asked for the same output."))
    _same = np.array_equal(by_torch(), y)
    mo.md(
        f"""
## 5. PyTorch {torch.__version__}

It gives {"the same numbers, to the last bit" if _same else "**different** numbers"}, in {wording.duration(seconds(by_torch))}.
Where the windows do not tile the image, it drops the remainder unasked; here you ask for it: rounding `floor`.
"""
    )
    return


if __name__ == "__main__":
    app.run()
