"""A model taken out of convlens: ONNX, weights for PyTorch or Keras, or a plain script.

`onnx_graph` writes a network as an ONNX graph, `onnx_file` adds what a reader must know and
compares the file with the engine before it is kept; `torch_code` and `keras_code` write the
model as a person would, and `script` the data, training and test around it.
"""
