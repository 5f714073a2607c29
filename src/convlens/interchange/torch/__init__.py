"""Weights files of PyTorch: bare arrays, matched with a network that the user names."""
