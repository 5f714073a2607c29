"""Faults 7, 8, 10 to 14 and 45 of models from elsewhere: hostile, damaged, misfitting files."""

from __future__ import annotations

import io
import json
import os
import pickle
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import convlens
from convlens.api.report import write_report
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import ConvlensError, InputError, MissingExtra, WeightsError
from convlens.network import Network, zoo

onnx = pytest.importorskip("onnx")
h5py: Any = pytest.importorskip("h5py")
pytest.importorskip("onnxruntime")

NETWORK = Network(
    name="small",
    input=(1, 8, 8),
    layers=[{"conv": 2}, {"relu": True}, {"flatten": True}, {"linear": 3}],
)


@contextmanager
def opened() -> Iterator[list[str]]:
    """Every path that Python opens meanwhile."""
    seen: list[str] = []
    listening = True

    def listen(event: str, arguments: tuple[Any, ...]) -> None:
        if listening and event == "open":
            seen.append(str(arguments[0]))

    sys.addaudithook(listen)
    try:
        yield seen
    finally:
        listening = False


def refused(path: Path, **options: Any) -> ConvlensError:
    """Import must fail with exit code 2 and leave nothing."""
    with pytest.raises(ConvlensError) as error:
        convlens.import_model(path, out=path.parent / "run", **options)
    assert error.value.exit_code == 2
    assert error.value.expected
    assert not (path.parent / "run").exists()
    return error.value


class Trap:
    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.proof}",)


def test_fault_7_a_malicious_pickle_is_never_executed(tmp_path: Path) -> None:
    proof = tmp_path / "it-ran"
    (tmp_path / "w.pt").write_bytes(pickle.dumps({"conv1.weight": Trap(proof)}))
    torch.save({"conv1.weight": Trap(proof)}, tmp_path / "zip.pt")
    for name in ("w.pt", "zip.pt"):
        refused(tmp_path / name, network="tutorial-torch")
    assert not proof.exists()


def test_fault_8_an_unknown_global_is_named(tmp_path: Path) -> None:
    torch.save(NETWORK, tmp_path / "w.pt")
    assert "convlens" in refused(tmp_path / "w.pt", network="tutorial-torch").what


def test_fault_10_weights_of_another_network_are_refused_whole(tmp_path: Path) -> None:
    torch.save(TorchModel(NETWORK).module.state_dict(), tmp_path / "w.pt")
    told = refused(tmp_path / "w.pt", network="tutorial-torch")
    assert told.what.count("the network has") == 3


def run_with(tmp_path: Path, value: float) -> Path:
    weights = TorchModel(NETWORK).weights()
    torch.save({n: torch.from_numpy(a) for n, a in weights.items()}, tmp_path / "w.pt")
    (tmp_path / "net.toml").write_text(NETWORK.to_toml())
    run, _ = convlens.import_model(
        tmp_path / "w.pt", network=tmp_path / "net.toml", out=tmp_path / "run"
    )
    from convlens import runs

    weights["linear1.bias"][1] = value
    with runs.open_existing(run.folder) as writer:
        writer.write_tensors("weights.safetensors", weights)
        writer.seal()
    return run.folder


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_fault_11_weights_that_are_not_finite_are_refused_unless_allowed(
    value: float, tmp_path: Path
) -> None:
    folder = run_with(tmp_path, value)
    target = tmp_path / "net.onnx"
    with pytest.raises(WeightsError, match=r'(?s)"linear1.bias".*allow_non_finite=True'):
        convlens.export(folder, out=target)
    assert not target.exists()
    convlens.export(folder, out=target, allow_non_finite=True)
    assert target.exists()
    assert "NaN or infinite" in refused_import(target).what


def refused_import(path: Path) -> ConvlensError:
    with pytest.raises(ConvlensError) as error:
        convlens.import_model(path, out=path.parent / "again")
    assert not (path.parent / "again").exists()
    return error.value


def dense(units: int = 3, **changes: Any) -> dict[str, Any]:
    settings = {"name": "out", "units": units, "activation": "linear", "use_bias": True}
    return {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": settings,
        "registered_name": None,
        **changes,
    }


def keras_file(path: Path, layers: list[dict[str, Any]], **members: bytes) -> Path:
    start = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"batch_shape": [None, 1, 4, 1], "name": "start"},
        "registered_name": None,
    }
    flatten = {
        "module": "keras.layers",
        "class_name": "Flatten",
        "config": {"name": "flat", "data_format": "channels_last"},
        "registered_name": None,
    }
    config = {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "net", "layers": [start, flatten, *layers]},
    }
    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        variables = file.create_group("layers/dense/vars")
        variables.attrs["name"] = "out"
        variables["0"] = np.ones((4, 3), np.float32)
        variables["1"] = np.zeros(3, np.float32)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", held.getvalue())
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return path


def test_the_keras_file_of_these_tests_is_read_where_nothing_is_wrong_with_it(
    tmp_path: Path,
) -> None:
    run, found = convlens.import_model(
        keras_file(tmp_path / "net.keras", [dense()]), out=tmp_path / "run"
    )
    assert run.status["state"] == "imported"
    np.testing.assert_array_equal(found.weights["linear1.weight"], np.ones((3, 4)))


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (dense(module="evil.code"), "of the module 'evil.code'"),
        (dense(registered_name="evil>Dense"), "a 'Dense' of the module"),
        (dense(class_name="Lambda"), "Lambda: not among the layers"),
        (dense(class_name="TFSMLayer"), "TFSMLayer: not among the layers"),
        ({**dense(), "config": {"name": "../../x", "units": 3}}, "a layer named '../../x'"),
        (dense(10**12), "units|features|less than|2147483648"),
        ({**dense(), "config": {"name": "out", "units": 3, "activation": {
            "module": "builtins", "class_name": "function", "config": "print",
            "registered_name": "function"}}}, "an activation of another module"),
    ],
)  # fmt: skip
def test_fault_12_a_keras_file_that_names_code_is_refused_and_nothing_imported(
    layer: dict[str, Any], told: str, tmp_path: Path
) -> None:
    import re

    path = keras_file(tmp_path / "net.keras", [layer])
    before = set(sys.modules)
    error = refused(path)
    assert re.search(told, error.what), error.what
    assert not {name for name in set(sys.modules) - before if name.startswith(("keras", "evil"))}
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["net.keras"]


def test_fault_12_a_member_that_could_leave_the_folder_is_refused(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "net.keras", [dense()], **{"..__..__x": b"content"})
    assert '"../../x"' in refused(path).what


def test_fault_12_a_compressed_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", " " * 10_000_000)
        archive.writestr("model.weights.h5", b"")
    assert "compressed" in refused(path).what


def test_fault_12_a_whole_model_in_the_old_format_is_refused(tmp_path: Path) -> None:
    for name in ("net.h5", "net.weights.h5"):
        with h5py.File(tmp_path / name, "w") as file:
            file.attrs["model_config"] = '{"class_name": "Lambda"}'
    assert "old format" in refused(tmp_path / "net.h5").what
    told = refused(tmp_path / "net.weights.h5", network="tutorial-torch")
    assert "old HDF5 format" in told.what


def weights_h5(path: Path, write: Any) -> Path:
    with h5py.File(path, "w") as file:
        write(file.create_group("layers/conv2d/vars"))
    return path


def test_fault_13_a_dataset_that_declares_a_million_million_values_is_refused(
    tmp_path: Path,
) -> None:
    import resource

    path = weights_h5(
        tmp_path / "net.weights.h5",
        lambda group: group.create_dataset("0", shape=(10**6, 10**6), dtype="f4"),
    )
    assert path.stat().st_size < 10_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = refused(path, network="tutorial-torch")
    assert "declares 4,000,000,000,000 bytes and holds 0" in told.what
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


@pytest.mark.parametrize("kind", ["compressed", "external", "link", "virtual"])
def test_fault_13_data_that_unfolds_or_lies_elsewhere_is_refused(kind: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_bytes(b"\0" * 36 * 32)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["0"] = np.zeros((3, 3, 1, 32), np.float32)

    def write(group: Any) -> None:
        if kind == "compressed":
            group.create_dataset("0", data=np.zeros((3, 3, 1, 32), np.float32), compression="gzip")
        elif kind == "external":
            place = [(str(secret), 0, h5py.h5f.UNLIMITED)]
            group.create_dataset("0", (3, 3, 1, 32), "f4", external=place)
        elif kind == "link":
            group["0"] = h5py.ExternalLink("other.h5", "/0")
        else:
            layout = h5py.VirtualLayout((3, 3, 1, 32), "f4")
            layout[...] = h5py.VirtualSource("other.h5", "0", (3, 3, 1, 32))
            group.create_virtual_dataset("0", layout)

    path = weights_h5(tmp_path / "net.weights.h5", write)
    told = refused(path, network="tutorial-torch")
    assert "lies elsewhere or is compressed" in told.what or "a link to somewhere" in told.what


def onnx_file(path: Path) -> Any:
    convlens.export(run_with(path.parent, 0.5), out=path)
    return onnx.load(path)


@pytest.mark.parametrize("kind", ["outside", "symlink", "hardlink"])
def test_fault_14_tensors_in_other_files_are_refused_and_nothing_else_is_opened(
    kind: str, tmp_path: Path
) -> None:
    model = onnx_file(tmp_path / "net.onnx")
    secret = tmp_path / "secret"
    secret.write_bytes(b"\0" * 1000)
    place = tmp_path / "data.bin"
    if kind == "symlink":
        place.symlink_to(secret)
    elif kind == "hardlink":
        os.link(secret, place)
    tensor = next(t for t in model.graph.initializer if t.name == "linear1.bias")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd" if kind == "outside" else "data.bin"
    path = tmp_path / "hostile.onnx"
    path.write_bytes(model.SerializeToString())
    with opened() as seen, pytest.raises(WeightsError, match="lies in another file"):
        convlens.import_model(path, out=tmp_path / "again")
    assert str(path) in seen
    assert not [name for name in seen if "passwd" in name or name in (str(secret), str(place))]
    assert not (tmp_path / "again").exists()


def test_fault_14_a_tensor_that_declares_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    model = onnx_file(tmp_path / "net.onnx")
    tensor = next(t for t in model.graph.initializer if t.name == "linear1.weight")
    tensor.dims[0] = 10**12
    path = tmp_path / "hostile.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(WeightsError, match="declares 72,000,000,000,000 values and holds 216"):
        convlens.import_model(path, out=tmp_path / "again")


def test_a_graph_of_other_layers_lists_each_of_them(tmp_path: Path) -> None:
    model = onnx_file(tmp_path / "net.onnx")
    for node in model.graph.node:
        if node.op_type == "Relu":
            node.op_type, node.domain = "Relu6", "evil.domain"
        if node.op_type == "Flatten":
            node.op_type = "Transpose"
    path = tmp_path / "other.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="has 2 layers that convlens has not") as error:
        convlens.import_model(path, out=tmp_path / "again")
    assert '"relu1" (Relu6 of the domain "evil.domain"); "flatten1" (Transpose' in error.value.what


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("ending", [".onnx", ".keras", ".weights.h5"])
def test_a_cut_file_is_refused(ending: str, share: float, tmp_path: Path) -> None:
    whole = tmp_path / f"whole{ending}"
    if ending == ".onnx":
        onnx_file(whole)
    elif ending == ".keras":
        keras_file(whole, [dense()])
    else:
        weights_h5(whole, lambda group: group.create_dataset("0", data=np.zeros((3, 3))))
    content = whole.read_bytes()
    cut = tmp_path / f"cut{ending}"
    cut.write_bytes(content[: int(share * len(content))])
    options = {"network": "tutorial-torch"} if ending == ".weights.h5" else {}
    with pytest.raises(ConvlensError) as error:
        convlens.import_model(cut, out=tmp_path / "again", **options)
    assert error.value.exit_code == 2
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(
    ("module", "call", "extra"),
    [
        ("onnxruntime", lambda folder: convlens.export("tutorial-torch", out=folder / "x.onnx"),
         "export"),
        ("onnx", lambda folder: convlens.import_model(folder / "x.onnx"), "import"),
        ("h5py", lambda folder: convlens.import_model(folder / "x.keras"), "import"),
        ("h5py", lambda folder: convlens.import_model(folder / "x.weights.h5",
                                                      network="tutorial-torch"), "import"),
    ],
)  # fmt: skip
def test_fault_45_a_missing_package_is_named_with_its_install_line(
    module: str, call: Any, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    from convlens.foundation import extras

    found = importlib.util.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == module else found(name))
    with pytest.raises(MissingExtra, match=rf'pip install "convlens\[{extra}\]"') as error:
        call(tmp_path)
    assert error.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_an_imported_run_says_that_its_data_is_not_known(tmp_path: Path) -> None:
    weights = TorchModel(zoo.load("tutorial-torch")).module.state_dict()
    torch.save(weights, tmp_path / "w.pt")
    run, _ = convlens.import_model(
        tmp_path / "w.pt", network="tutorial-torch", out=tmp_path / "run"
    )
    with pytest.raises(ConvlensError, match=r"(?s)imported.*`data=PATH`"):
        convlens.evaluate(run)
    with pytest.raises(ConvlensError, match="there is no training to report on"):
        write_report(run)
    assert convlens.evaluate(run, data="digits-5k").images == 1000


def mutated(content: bytes, seed: int) -> bytes:
    """A file with a few bytes changed, cut out or doubled."""
    random = np.random.default_rng(seed)
    broken = bytearray(content)
    for _ in range(random.integers(1, 6)):
        place = int(random.integers(len(broken)))
        match random.integers(3):
            case 0:
                broken[place] = random.integers(256)
            case 1:
                del broken[place : place + int(random.integers(1, 5))]
            case _:
                broken[place:place] = broken[place : place + int(random.integers(1, 9))]
    return bytes(broken)


@pytest.mark.parametrize("ending", [".onnx", ".keras", ".weights.h5"])
def test_damaged_files_are_read_or_refused_and_never_surprise(ending: str, tmp_path: Path) -> None:
    whole = tmp_path / f"whole{ending}"
    options: dict[str, Any] = {}
    if ending == ".onnx":
        onnx_file(whole)
    elif ending == ".keras":
        keras_file(whole, [dense()])
    else:
        weights_h5(whole, lambda group: group.create_dataset("0", data=np.zeros((3, 3, 1, 32))))
        options = {"network": "tutorial-torch"}
    content = whole.read_bytes()
    refusals = 0
    for seed in range(120):
        path = tmp_path / f"broken{ending}"
        path.write_bytes(mutated(content, seed))
        try:
            convlens.import_model(path, out=tmp_path / f"run-{seed}", **options)
        except ConvlensError as error:
            refusals += 1
            assert error.exit_code == 2  # noqa: PT017 - many files are read well
            assert not (tmp_path / f"run-{seed}").exists()
    assert refusals > 30


@pytest.mark.parametrize("value", [None, 3, -1, "x", [], {}, [1, 2, 3], 1e999, True])
def test_a_keras_setting_of_another_type_is_refused_by_its_layer(
    value: Any, tmp_path: Path
) -> None:
    conv = {"filters": 2, "kernel_size": [1, 1], "strides": [1, 1], "padding": "same"}
    for key in (*conv, "activation", "dilation_rate", "groups", "use_bias"):
        layer = {
            "module": "keras.layers",
            "class_name": "Conv2D",
            "config": {"name": "conv", **conv, key: value},
            "registered_name": None,
        }
        path = keras_file(tmp_path / "net.keras", [layer])
        with pytest.raises(ConvlensError) as error:  # a convolution after flatten, at the least
            convlens.import_model(path, out=tmp_path / "again")
        assert error.value.exit_code == 2
