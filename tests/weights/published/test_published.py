"""Published weights are the published bytes, in the right places, with the right preparation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import nn

import convlens
from convlens.api.opening import open_subject
from convlens.foundation.errors import WeightsError
from convlens.network import zoo
from convlens.weights.published import Published, catalogue, class_names, published

STAGES = [
    (3, 1, 1, 32, 16, 1),
    (3, 2, 6, 16, 24, 2),
    (5, 2, 6, 24, 40, 2),
    (3, 2, 6, 40, 80, 3),
    (5, 1, 6, 80, 112, 3),
    (5, 2, 6, 112, 192, 4),
    (3, 1, 6, 192, 320, 1),
]
"""Kernel, stride, expansion, channels in and out, repetitions: arXiv:1905.11946, table 1."""


class Same(nn.Conv2d):
    """A convolution with TensorFlow's padding: the odd pixel at the bottom and at the right."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pads: list[int] = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size, self.stride, strict=True):
            total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
            pads += [total // 2, total - total // 2]
        return F.conv2d(F.pad(x, pads), self.weight, None, self.stride, groups=self.groups)


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class Block(nn.Module):
    """An inverted residual under the names that the published file has."""

    def __init__(self, kernel: int, stride: int, wide: int, inner: int, outer: int) -> None:
        super().__init__()
        hidden = inner * wide
        self.skip = stride == 1 and inner == outer
        if wide != 1:
            self._expand_conv, self._bn0 = Same(inner, hidden, 1, bias=False), norm(hidden)
        self._depthwise_conv = Same(hidden, hidden, kernel, stride, groups=hidden, bias=False)
        self._bn1 = norm(hidden)
        self._project_conv, self._bn2 = Same(hidden, outer, 1, bias=False), norm(outer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if hasattr(self, "_expand_conv") else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.skip else y


class Lite0(nn.Module):
    """EfficientNet-Lite0 written by hand, to compare with."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = Same(3, 32, 3, 2, bias=False), norm(32)
        self._blocks = nn.ModuleList(
            Block(kernel, stride if i == 0 else 1, wide, inner if i == 0 else outer, outer)
            for kernel, stride, wide, inner, outer, times in STAGES
            for i in range(times)
        )
        self._conv_head, self._bn1 = Same(320, 1280, 1, bias=False), norm(1280)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)))
        return self._fc(x.mean((2, 3)))


@pytest.fixture(scope="module")
def flower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "flower.png"
    Image.fromarray(load_sample_image("flower.jpg")).save(path)
    return path


@pytest.mark.parametrize("entry", catalogue().values(), ids=list(catalogue()))
def test_an_entry_names_every_array_once_and_every_class(entry: Published) -> None:
    plan = zoo.load(entry.network).plan()
    called = [entry.naming.in_file(name) for name in plan.weight_shapes()]
    assert len(set(called)) == len(called)
    assert len(set(entry.classes)) == len(entry.classes) == plan.output[0]
    assert len(entry.sha256) == 64 or (8 <= len(entry.sha256) <= 10 and not entry.package)
    assert entry.sha256[:8] in entry.file
    assert entry.licence
    assert entry.top1_source.startswith("https://")
    assert bool(entry.package) != bool(entry.sources)
    assert all(source.startswith("https://") and source.endswith("/") for source in entry.sources)
    assert 10**6 < entry.size < 10**9
    assert set(entry.preprocessing) == {"resize", "mean", "std", "interpolation"}


def test_each_class_has_one_chinese_name_of_its_own() -> None:
    english, chinese = class_names(), class_names(language="zh")
    assert len(set(chinese)) == len(chinese) == len(english) == 1000
    assert all(name == name.strip() and name for name in chinese)
    without = [name for name in chinese if not any("\u4e00" <= c <= "\u9fff" for c in name)]
    assert without == ["iPod"]
    pairs = dict(zip(english, chinese, strict=True))
    assert pairs["crane"] == "起重机"
    assert pairs["crane bird"] == "鹤"
    assert pairs["golden retriever"] == "金毛寻回犬"
    assert pairs["toilet tissue"] == "卫生纸"


def test_a_networks_name_means_its_most_accurate_weights() -> None:
    named = published("resnet50")
    assert named.network == "resnet50"
    same = [entry for entry in catalogue().values() if entry.network == "resnet50"]
    assert len(same) == 2
    assert named.top1_percent == max(entry.top1_percent for entry in same)
    assert published(named.name) == named


def test_lite0_computes_what_its_authors_network_computes(flower: Path) -> None:
    entry = published("efficientnet-lite0")
    path = entry.find()
    assert path is not None
    theirs = Lite0().eval()
    theirs.load_state_dict(torch.load(path, weights_only=True))  # strict: every name, every shape
    subject = open_subject("efficientnet-lite0")
    assert subject.trained
    pixels, _ = subject.preprocessing.prepare(flower)
    normalised = subject.preprocessing.normalise(pixels[None])
    # the authors' (x - 127) / 128
    np.testing.assert_allclose(normalised[0], (pixels.astype(float) - 127) / 128, atol=1e-6)
    with torch.inference_mode():
        expected = theirs(torch.from_numpy(normalised)).numpy()
    np.testing.assert_allclose(subject.model.logits(normalised), expected, atol=1e-4)


def test_lite0_has_the_published_number_of_parameters() -> None:
    assert zoo.load("efficientnet-lite0").plan().parameters == 4_652_008


def test_a_published_network_classifies_and_is_looked_into_without_a_run(
    flower: Path, tmp_path: Path
) -> None:
    (named,) = convlens.predict("efficientnet-lite0", flower, top=3)
    (first,) = convlens.predict(flower, runs=tmp_path, top=3)  # no run is there
    assert first == named
    assert named.label == "daisy"
    look = convlens.look(flower, runs=tmp_path, layers=["relu6_1"], methods=[])
    assert look.top(1)[0][0] == named.label


def test_a_package_that_is_not_installed_is_named() -> None:
    absent = replace(published("efficientnet-lite0"), package="convlens-no-such-package")
    assert absent.find() is None
    with pytest.raises(WeightsError, match="pip install convlens-no-such-package"):
        absent.read({})


def test_fault_6_one_wrong_bit_in_published_weights_is_noticed(tmp_path: Path) -> None:
    entry = published("efficientnet-lite0")
    path = entry.find()
    assert path is not None
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / entry.file).write_bytes(content)
    damaged = replace(entry, path=str(tmp_path / entry.file))
    with pytest.raises(WeightsError, match="is not the published file"):
        damaged.read(zoo.load(entry.network).plan().weight_shapes())


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(WeightsError, match=r"do(es)? not fit"):
        published("efficientnet-lite0").read(zoo.load("tutorial-torch").plan().weight_shapes())


def test_an_unknown_name_gives_the_nearest() -> None:
    with pytest.raises(WeightsError, match="efficientnet-lite0"):
        published("efficientnet-light0")
