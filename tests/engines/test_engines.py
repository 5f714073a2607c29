"""Choosing an engine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from convlens.engines import build, check_engine
from convlens.engines.reference import ReferenceModel
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import InputError, NetworkError
from convlens.network import Network, zoo


def test_each_engine_is_built_by_its_name() -> None:
    network = zoo.load("lenet-5")
    assert isinstance(build(network), TorchModel)
    assert isinstance(build(network, engine="reference"), ReferenceModel)


def test_an_unknown_engine_names_the_nearest() -> None:
    with pytest.raises(InputError, match='no engine "referense", did you mean "reference"'):
        build(zoo.load("lenet-5"), engine="referense")


def test_the_reference_does_not_train() -> None:
    check_engine("torch", trains=True)
    check_engine("keras", trains=True)
    with pytest.raises(InputError, match='"reference" cannot train'):
        check_engine("reference", trains=True)


def test_both_engines_refuse_layers_that_do_not_fit() -> None:
    network = Network(input=(1, 4, 4), layers=[{"linear": 3}])
    for engine in ("torch", "reference"):
        with pytest.raises(NetworkError):
            build(network, engine=engine)


def run(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_torch_path_imports_no_keras() -> None:
    done = run(
        "import sys, numpy as np\n"
        "from convlens.network import zoo\n"
        "from convlens.engines import build\n"
        "from convlens.training import session\n"
        "build(zoo.load('tutorial-keras')).logits(np.zeros((1, 1, 28, 28)))\n"
        "heavy = {'keras', 'tensorflow', 'jax'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    assert done.returncode == 0, done.stderr


ABSENT = "import sys; sys.modules[{0!r}] = None\n"
"""Python's own way to say that a module cannot be found."""


@pytest.mark.parametrize(
    ("package", "backend", "extra"),
    [
        ("keras", "tensorflow", "keras"),
        ("tensorflow", "tensorflow", "keras"),
        ("jax", "jax", "keras-jax"),
    ],
)
def test_fault_45_without_the_extra_the_install_line_comes_and_nothing_is_written(
    package: str, backend: str, extra: str, tmp_path: Path
) -> None:
    if package != "keras":
        pytest.importorskip("keras")
    done = run(
        ABSENT.format(package)
        + f"import os; os.chdir({str(tmp_path)!r})\n"
        + "sys.argv = ['convlens', 'train', '--engine', 'keras']\n"
        + "from convlens.cli import main; main()",
        KERAS_BACKEND=backend,
    )
    assert done.returncode == 2, done.stderr
    assert f'pip install "convlens[{extra}]"' in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_backend_that_does_not_exist_is_refused() -> None:
    code = (
        "from convlens import build; from convlens.network import zoo; "
        "build(zoo.load('lenet-5'), engine='keras')"
    )
    done = run(code, KERAS_BACKEND="theano")
    assert 'KERAS_BACKEND is "theano"' in done.stderr
    assert "one of tensorflow, jax, torch" in done.stderr


def test_tensorflows_greetings_stay_off_the_screen_and_other_words_do_not() -> None:
    pytest.importorskip("tensorflow")
    code = (
        "import os, sys\n"
        "class Talker:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'keras': os.write(2, b'mind the gap\\n')\n"
        "sys.meta_path.insert(0, Talker())\n"
        "import convlens.engines.keras_backend\n"
        "os.write(2, b'after\\n')"
    )
    done = run(code, KERAS_BACKEND="tensorflow")
    assert done.stderr.splitlines() == ["mind the gap", "after"]
