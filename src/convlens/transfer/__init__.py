"""Take a model out of convlens, and bring one in: the whole of `export` and `import`."""

from convlens.transfer.bring_in import import_model
from convlens.transfer.take_out import Exported, export

__all__ = ["Exported", "export", "import_model"]
