"""Each activation's record against the libraries that it names, and against itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from convlens.network.layers import ACTIVATIONS, Activation

KINDS = pytest.mark.parametrize("kind", ACTIVATIONS, ids=lambda kind: kind.kind)
values = arrays(np.float64, (2, 3), elements=st.floats(-1e4, 1e4))
numbers = st.floats(0, 1)


def drawn(kind: type[Activation], data: st.DataObject) -> Activation:
    fields = [field for field in kind.model_fields if field != "name"]
    return kind(**{field: data.draw(numbers, field) for field in fields})


@KINDS
@given(data=st.data(), x=values)
@settings(max_examples=50)
def test_the_formula_is_pytorchs_in_float64(
    kind: type[Activation], data: st.DataObject, x: np.ndarray
) -> None:
    layer = drawn(kind, data)
    call = layer.torch(x.shape[1:])
    module = getattr(nn, call.name)(*call.arguments, **call.settings)
    theirs = module(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(layer.compute(x, {}), theirs, rtol=1e-12, atol=1e-12)


@KINDS
@given(data=st.data(), x=values)
@settings(max_examples=20, deadline=None)
def test_the_formula_is_keras_in_float32(
    kind: type[Activation], data: st.DataObject, x: np.ndarray
) -> None:
    keras = pytest.importorskip("keras")
    layer = drawn(kind, data)
    call = layer.keras(x.shape[1:])
    made = getattr(keras.layers, call.name)(*call.arguments, **call.settings)
    theirs = keras.ops.convert_to_numpy(made(x.astype(np.float32)))
    np.testing.assert_allclose(layer.compute(x, {}), theirs, rtol=1e-5, atol=1e-4)


@KINDS
def test_the_names_in_keras_are_functions_of_keras_with_those_settings(
    kind: type[Activation],
) -> None:
    keras = pytest.importorskip("keras")
    x = np.linspace(-9, 9, 181)
    for name, given_settings in kind.record.keras.functions.items():
        theirs = keras.ops.convert_to_numpy(keras.activations.get(name)(x.astype(np.float32)))
        np.testing.assert_allclose(kind(**given_settings).compute(x, {}), theirs, atol=1e-5)
    if kind.record.keras.layer:
        usual: dict[str, Any] = dict(kind.record.keras.settings.values())
        theirs = getattr(keras.layers, kind.record.keras.layer)()(x.astype(np.float32))
        ours = kind(**usual).compute(x, {})
        np.testing.assert_allclose(ours, keras.ops.convert_to_numpy(theirs), atol=1e-5)


@KINDS
def test_an_activation_is_rising_where_its_record_says_so(kind: type[Activation]) -> None:
    rises = bool(np.all(np.diff(kind().compute(np.linspace(-12, 12, 9601), {})) >= 0))
    assert rises == kind.record.rising


@KINDS
def test_the_sentence_says_the_settings(kind: type[Activation]) -> None:
    layer = kind()
    assert layer.sentence().endswith(".")
    assert "{" not in layer.sentence()
    assert all(f"{value:g}" in layer.sentence() for value in layer.constants().values())
    assert list(layer.constants()) == [field for field in kind.model_fields if field != "name"]
