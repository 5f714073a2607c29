"""Choosing an engine."""

from __future__ import annotations

import pytest

from convlens import zoo
from convlens.engines import build, check_engine
from convlens.engines.reference import ReferenceModel
from convlens.engines.torch_engine import TorchModel
from convlens.errors import InputError, NetworkError
from convlens.network import Network


def test_each_engine_is_built_by_its_name() -> None:
    network = zoo.load("lenet-5")
    assert isinstance(build(network), TorchModel)
    assert isinstance(build(network, engine="reference"), ReferenceModel)


def test_an_unknown_engine_names_the_nearest() -> None:
    with pytest.raises(InputError, match='no engine "referense", did you mean "reference"'):
        build(zoo.load("lenet-5"), engine="referense")


def test_only_torch_trains() -> None:
    check_engine("torch", trains=True)
    with pytest.raises(InputError, match='"reference" cannot train'):
        check_engine("reference", trains=True)


def test_both_engines_refuse_layers_that_do_not_fit() -> None:
    network = Network(input=(1, 4, 4), layers=[{"linear": 3}])
    for engine in ("torch", "reference"):
        with pytest.raises(NetworkError):
            build(network, engine=engine)
