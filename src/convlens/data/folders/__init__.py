"""Folders of images of any number, size and mode.

`list_folder` says which files there are and how they are labelled; `read_folder` decodes them,
or finds them decoded, and names those that are no images.
"""

from convlens.data.folders.listing import (
    PARTS,
    UNDECIDED,
    Listing,
    is_image_folder,
    list_folder,
)
from convlens.data.folders.policy import Policy, choose_policy, looked_at
from convlens.data.folders.reading import FolderSet, read_folder
from convlens.data.folders.split import hold_out_by_content

__all__ = [
    "PARTS",
    "UNDECIDED",
    "FolderSet",
    "Listing",
    "Policy",
    "choose_policy",
    "hold_out_by_content",
    "is_image_folder",
    "list_folder",
    "looked_at",
    "read_folder",
]
