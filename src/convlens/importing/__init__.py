"""A network and its weights brought in from elsewhere, without running what a file may hold.

`onnx_file` and `keras_file` turn a file into the nodes of a graph; `assembly` turns those into a
`Network` with weights in the neutral layout; `state_dict` matches bare weights with a network
that the user names.
"""
