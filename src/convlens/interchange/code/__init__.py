"""A model, its data, its training and its test as a script without convlens."""
