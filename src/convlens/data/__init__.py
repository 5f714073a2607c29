"""Images as arrays: known sets, folders of images, and one way to prepare an image.

`load` takes a name or a path and gives a `Dataset`: training, validation and test images as uint8
`(N, C, H, W)` that never mix, with the `Preprocessing` that any further image must go through.
What is read from a disk is not trusted: sizes are checked before anything is unpacked.
"""

from convlens.data.catalog import describe, names
from convlens.data.dataset import Dataset, Split
from convlens.data.folders import is_image_folder, list_folder
from convlens.data.loading import load, load_like
from convlens.data.preprocessing import Preprocessing
from convlens.data.split import hold_out
from convlens.data.stored import StoredImages

__all__ = [
    "Dataset",
    "Preprocessing",
    "Split",
    "StoredImages",
    "describe",
    "hold_out",
    "is_image_folder",
    "list_folder",
    "load",
    "load_like",
    "names",
]
