"""The run folder: everything about one training, written by one process, readable by anyone.

`layout` names the files and the folders, `writer` fills one folder under a lock, `checkpoint`
keeps what resume needs, `kernel_snapshots` how the kernels changed, `manifest` the sha256 of
each file, `reader` opens a run without executing anything, and `listing` finds runs.
"""

from convlens.runs.history import History
from convlens.runs.keeping import delete, rename
from convlens.runs.layout import check_name, runs_root
from convlens.runs.listing import RunSummary, find, last, listing
from convlens.runs.reader import Run
from convlens.runs.writer import RunWriter, create, open_existing

__all__ = [
    "History",
    "Run",
    "RunSummary",
    "RunWriter",
    "check_name",
    "create",
    "delete",
    "find",
    "last",
    "listing",
    "open_existing",
    "rename",
    "runs_root",
]
