"""Learned kernels drawn: one scale a layer, numbers that are right, moments that compare."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from convlens import build
from convlens.figures.animation import kernels_animation
from convlens.figures.kernel_plots import before_after_svg, learned_kernels_svg
from convlens.figures.kernel_sheet import (
    choose_kernels,
    draw_sheet,
    scale_of,
    signed_colours,
)
from convlens.foundation.errors import InputError
from convlens.inside.learned_kernels import (
    KernelLayer,
    Kernels,
    kernel_layers,
    learned_kernels,
    strongest_channels,
)
from convlens.network import Network

NETWORK = Network(
    input=(3, 12, 12),
    layers=[
        {"conv": 6, "kernel": 3},
        {"conv": 8, "kernel": 1},
        {"depthwise": 2, "kernel": 3},
        {"conv": 70, "kernel": [1, 5]},
    ],
)
LAYERS = {layer.name: layer for layer in kernel_layers(NETWORK.plan())}


def kernels_of(name: str, seed: int = 0) -> Kernels:
    return learned_kernels(build(NETWORK, seed).weights(), name)


def words(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [(e.text or "").strip() for e in root.iter() if e.tag.endswith("}text")]


def random(*shape: int) -> Kernels:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_the_scale_is_symmetric_and_blue_is_negative() -> None:
    limit = scale_of(np.array([[[[-2.0, 0.5]]]], np.float32))
    assert limit == 2
    low, zero, high = signed_colours(np.array([-2.0, 0.0, 2.0]), limit).astype(int)
    assert low[2] > low[0] + 50
    assert high[0] > high[2] + 50
    assert zero.min() > 240
    assert scale_of(np.zeros((1, 1, 2, 2), np.float32)) == 1  # and nothing is divided by 0


def test_each_cell_of_a_tile_has_the_colour_of_its_weight() -> None:
    kernels = random(2, 1, 3, 3)
    sheet = draw_sheet(kernels, choose_kernels(kernels, KernelLayer("conv1")), scale_of(kernels))
    zoom = 44 // 3
    expected = signed_colours(kernels[0, 0], scale_of(kernels))
    found = sheet.pixels[14 : 14 + 3 * zoom : zoom, : 3 * zoom : zoom]
    np.testing.assert_array_equal(found, expected)
    assert [label.text for label in sheet.labels] == ["0", "1"]


def test_filters_on_colours_are_drawn_in_colour_and_by_channel() -> None:
    drawn = words(learned_kernels_svg(kernels_of("conv1"), LAYERS["conv1"]))
    assert drawn.count("colour") == drawn.count("red") == drawn.count("blue") == 6
    assert "filter 5" in drawn
    kernels = np.zeros((1, 3, 2, 2), np.float32)
    kernels[0, 0] = 1  # as much red as the scale has, and neither green nor blue
    choice = choose_kernels(kernels, LAYERS["conv1"])
    pixel = draw_sheet(kernels, choice, 1.0).pixels[28, 0]
    assert pixel.tolist() == [255, 128, 128]


def test_of_deep_layers_the_strongest_channels_are_shown_and_the_caption_says_so() -> None:
    kernels = kernels_of("conv3")
    choice = choose_kernels(kernels, LAYERS["conv3"])
    assert choice.channels[3] == tuple(strongest_channels(kernels, 4)[3])
    drawn = words(learned_kernels_svg(kernels, LAYERS["conv3"], title="epoch 3"))
    assert "conv3: 70 filters of 16x1x5, epoch 3" in drawn
    assert any("filters 0-63 of 70" in word and "4 strongest" in word for word in drawn)
    assert "filter 63" in drawn
    assert "filter 64" not in drawn


def test_a_sheet_of_few_filters_is_little_higher_than_they_are() -> None:
    kernels, layer = kernels_of("conv1"), LAYERS["conv1"]
    sheet = draw_sheet(kernels, choose_kernels(kernels, layer), 1.0)
    box = ElementTree.fromstring(learned_kernels_svg(kernels, layer)).attrib["viewBox"]
    assert float(box.split()[3]) < sheet.pixels.shape[0] + 60  # a heading and a caption


def test_one_filter_shows_all_its_channels() -> None:
    drawn = words(learned_kernels_svg(kernels_of("conv3"), LAYERS["conv3"], only=69))
    assert "filter 69: the kernels for all 16 channels that it reads" in drawn
    assert [word for word in drawn if word.isdigit() and int(word) > 0] == [
        str(n) for n in range(1, 16)
    ]
    with pytest.raises(InputError, match="no filter 70"):
        learned_kernels_svg(kernels_of("conv3"), LAYERS["conv3"], only=70)


def test_the_same_kernels_give_the_same_bytes() -> None:
    kernels, layer = kernels_of("conv2"), LAYERS["conv2"]
    assert learned_kernels_svg(kernels, layer) == learned_kernels_svg(kernels, layer)


def test_1x1_kernels_are_a_matrix_of_filters_by_channels() -> None:
    kernels = random(8, 6, 1, 1)
    sheet = draw_sheet(kernels, choose_kernels(kernels, KernelLayer("conv2")), scale_of(kernels))
    cells = sheet.pixels[28::16, 30 : 30 + 6 * 16 : 16]
    np.testing.assert_array_equal(cells, signed_colours(kernels[:, :, 0, 0], scale_of(kernels)))
    assert "channel" in [label.text for label in sheet.labels]


def test_channels_in_groups_carry_the_numbers_of_the_layers_input() -> None:
    kernels = random(4, 3, 3, 3)
    choice = choose_kernels(kernels, KernelLayer("conv1", groups=2))
    labels = [label.text for label in draw_sheet(kernels, choice, 1.0).labels]
    assert labels[:4] == ["filter 0", "0", "1", "2"]
    assert labels[-4:] == ["filter 3", "3", "4", "5"]


@pytest.mark.parametrize("name", ["conv1", "conv2", "depthwise1"])
def test_before_and_after_show_the_same_kernels_on_one_scale(name: str) -> None:
    before, after = kernels_of(name), 3 * kernels_of(name, seed=1)
    drawn = words(before_after_svg(before, after, LAYERS[name], epochs=(0, 9)))
    assert "before training" in drawn
    assert "after epoch 9" in drawn
    assert f"{scale_of(after):.2g}" in drawn


def test_the_animation_has_a_frame_an_epoch_repeats_and_is_the_same_every_time() -> None:
    moments = [(epoch, kernels_of("conv3", seed=epoch)[:8]) for epoch in (0, 2, 4, 5)]
    data = kernels_animation(moments, LAYERS["conv3"])
    assert data == kernels_animation(moments, LAYERS["conv3"])
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "PNG"
        assert image.n_frames == 4
        assert image.info["loop"] == 0
        frames = []
        for number in range(4):
            image.seek(number)
            frames.append(np.asarray(image.convert("RGB")))
    limit = scale_of(*(kernels for _, kernels in moments))
    choice = choose_kernels(moments[-1][1], LAYERS["conv3"])
    for frame, (_, kernels) in zip(frames, moments, strict=True):
        # a tile begins 28 rows below the sheet's upper edge, which lies 28 below the frame's
        row = signed_colours(kernels[0, choice.channels[0][0], 0], limit)
        np.testing.assert_array_equal(frame[56, 10 : 10 + 5 * 8 : 8], row)


def test_identical_kernels_still_make_a_frame_an_epoch() -> None:
    moments = [(epoch, kernels_of("conv2")) for epoch in range(3)]
    with Image.open(io.BytesIO(kernels_animation(moments, LAYERS["conv2"]))) as image:
        assert image.n_frames == 3  # the title differs


def test_what_cannot_be_drawn_is_refused() -> None:
    broken = kernels_of("conv1").copy()
    broken[0, 0, 0, 0] = np.nan
    with pytest.raises(InputError, match="not finite"):
        learned_kernels_svg(broken, LAYERS["conv1"])
    with pytest.raises(InputError, match="not finite"):
        before_after_svg(broken, kernels_of("conv1"), LAYERS["conv1"], epochs=(0, 1))
    with pytest.raises(InputError, match="do not make an animation"):
        kernels_animation([(0, kernels_of("conv1"))], LAYERS["conv1"])
