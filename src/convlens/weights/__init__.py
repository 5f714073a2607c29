"""Weights as named arrays, and the only two ways they enter from a file.

The neutral layout is a dict of name -> NumPy array, float32, in PyTorch's axis order; every
engine reads and writes it. `tensor_file` keeps such a dict in one safetensors file, `pickled`
reads PyTorch's own `.pt`, and `matching` compares either with what a network expects.
Reading never runs code.
"""

from convlens.weights.matching import check_arrays, check_finite, read_weights
from convlens.weights.tensor_file import load_tensors, save_tensors

__all__ = ["check_arrays", "check_finite", "load_tensors", "read_weights", "save_tensors"]
