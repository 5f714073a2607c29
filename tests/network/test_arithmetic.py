"""The formulas against the worked examples and against PyTorch itself."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from convlens.network.arithmetic import (
    ReceptiveField,
    Window,
    fitting_kernels,
    fitting_paddings,
    fitting_strides,
    same_window,
    usual_settings,
)

windows = st.builds(
    Window,
    kernel=st.integers(1, 7),
    stride=st.integers(1, 4),
    before=st.integers(0, 3),
    after=st.integers(0, 3),
    dilation=st.integers(1, 3),
)


@pytest.mark.parametrize(
    ("size", "window", "outputs"),
    [
        (32, Window(4), 29),
        (32, Window(4, 3, 1, 1), 11),
        (32, Window(5, 1, 2, 2), 32),
        (4, Window(2, 2), 2),
        (32, Window(1), 32),
        (32, Window(3, 1, 1, 1), 32),
    ],
)
def test_the_worked_examples_come_out(size: int, window: Window, outputs: int) -> None:
    assert window.fits(size)
    assert window.output(size) == outputs


def test_a_four_wide_filter_with_stride_three_does_not_fit_32() -> None:
    assert not Window(4, 3).fits(32)
    assert fitting_paddings(32, Window(4, 3)) == [1]


@given(st.integers(1, 40), windows)
def test_output_size_is_what_torch_computes(size: int, window: Window) -> None:
    line = torch.zeros(1, 1, size + window.before + window.after)
    kernel = torch.zeros(1, 1, window.kernel)
    if window.output(size) == 0:
        with pytest.raises(RuntimeError):
            torch.conv1d(line, kernel, stride=window.stride, dilation=window.dilation)
        return
    out = torch.conv1d(line, kernel, stride=window.stride, dilation=window.dilation)
    assert out.shape[-1] == window.output(size)


@given(st.integers(1, 40), windows)
def test_dropped_cells_are_those_that_no_window_reads(size: int, window: Window) -> None:
    assume(window.output(size) > 0)
    last_read = (window.output(size) - 1) * window.stride + window.extent - 1 - window.before
    assert window.dropped(size) == max(0, size - 1 - last_read)


@given(st.integers(1, 60), st.integers(1, 7), st.integers(1, 4), st.integers(1, 3))
def test_same_gives_the_size_divided_by_the_stride(
    size: int, kernel: int, stride: int, d: int
) -> None:
    window = same_window(size, kernel, stride, d)
    assert window.output(size) == -(-size // stride)
    assert 0 <= window.after - window.before <= 1


@given(st.integers(1, 40), windows)
def test_every_suggested_setting_fits(size: int, window: Window) -> None:
    for p in fitting_paddings(size, window):
        assert Window(window.kernel, window.stride, p, p, window.dilation).fits(size)
    for s in fitting_strides(size, window):
        assert Window(window.kernel, s, window.before, window.after, window.dilation).fits(size)
    for k in fitting_kernels(size, window):
        assert Window(k, window.stride, window.before, window.after, window.dilation).fits(size)


@pytest.mark.parametrize("setting", usual_settings())
def test_the_usual_settings_keep_the_size(setting: tuple[int, int, int]) -> None:
    kernel, stride, padding = setting
    assert Window(kernel, stride, padding, padding).output(28) == 28


@given(st.lists(windows, min_size=1, max_size=3), st.data())
def test_a_receptive_field_is_where_the_gradient_is_not_zero(
    chain: list[Window], data: st.DataObject
) -> None:
    size = 60
    line = torch.zeros(1, 1, size, dtype=torch.float64, requires_grad=True)
    out, field, cells = line, ReceptiveField(), size
    for window in chain:
        assume(window.output(cells) > 0)
        cells = window.output(cells)
        padded = torch.nn.functional.pad(out, (window.before, window.after))
        kernel = torch.ones(1, 1, window.kernel, dtype=torch.float64)
        out = torch.conv1d(padded, kernel, stride=window.stride, dilation=window.dilation)
        field = field.through(window)
    cell = data.draw(st.integers(0, cells - 1))
    out[0, 0, cell].backward()
    assert line.grad is not None
    seen = line.grad[0, 0].nonzero()[:, 0].tolist()
    first, last = field.region(cell)
    inside = [pixel for pixel in seen if first <= pixel <= last]
    assert seen == inside
    if all(w.dilation == 1 and w.before == w.after == 0 for w in chain):
        assert (seen[0], seen[-1]) == (first, last)
