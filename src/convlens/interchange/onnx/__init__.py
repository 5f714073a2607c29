"""ONNX files: `graph` and `writing` make them; `reading`, `call` and `operators` read them."""
