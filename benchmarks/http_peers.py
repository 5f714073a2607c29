"""LitServe and BentoML, serving the ONNX file that `convlens serve` computes with.

Started by `bench_http.py --peers PYTHON`, with a Python that has them:
`http_peers.py litserve|bentoml FILE PORT`. Both take JSON, `{"images": [[...]]}`, answer with the
five likeliest classes, compute with one thread, and may make batches of 64 images.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

FILE = os.environ.get("HTTP_PEERS_FILE", "")
MOST = 64


def session(path: str) -> Any:
    """Open a file in ONNX Runtime, as `convlens serve` does on two cores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def answer(opened: Any, images: np.ndarray) -> np.ndarray:
    """Return classes and probabilities, side by side."""
    name = opened.get_inputs()[0].name
    classes, shares = opened.run(None, {name: np.asarray(images, np.uint8)})[:2]
    return np.concatenate([classes, shares], axis=1)


def litserve(path: str, port: int) -> None:
    """Serve a file by LitServe; its workers import this module, and so find the class."""
    import litserve as ls

    os.environ["HTTP_PEERS_FILE"], os.environ["HTTP_PEERS_BY"] = path, "litserve"
    import http_peers

    api = http_peers.Lit(max_batch_size=MOST, batch_timeout=0.001)
    ls.LitServer(api, accelerator="cpu").run(port=port, generate_client_file=False)


if os.environ.get("HTTP_PEERS_BY") == "litserve":
    from litserve import LitAPI

    class Lit(LitAPI):
        def setup(self, device: str) -> None:
            self.opened = session(FILE)

        def decode_request(self, request: Any) -> np.ndarray:
            return np.asarray(request["images"], np.uint8)[0]

        def batch(self, inputs: list[np.ndarray]) -> np.ndarray:
            return np.stack(inputs)

        def predict(self, images: np.ndarray) -> np.ndarray:
            return answer(self.opened, images)

        def unbatch(self, output: np.ndarray) -> list[np.ndarray]:
            return list(output)

        def encode_response(self, output: np.ndarray) -> Any:
            return {"predictions": output.tolist()}


if FILE and "HTTP_PEERS_BY" not in os.environ:  # read by `bentoml serve`
    import bentoml

    @bentoml.service(workers=1)
    class Digits:
        def __init__(self) -> None:
            self.opened = session(FILE)

        @bentoml.api(batchable=True, max_batch_size=MOST, max_latency_ms=1000)
        def predict(self, images: np.ndarray) -> np.ndarray:
            return answer(self.opened, images)


if __name__ == "__main__":
    if sys.argv[1] == "litserve":
        litserve(sys.argv[2], int(sys.argv[3]))
    os.environ["HTTP_PEERS_FILE"] = sys.argv[2]
    os.chdir(Path(__file__).resolve().parent)
    command = ["-m", "bentoml", "serve", "http_peers:Digits", "--port", sys.argv[3]]
    os.execv(sys.executable, [sys.executable, *command])
