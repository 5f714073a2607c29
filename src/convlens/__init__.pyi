# The public API of convlens: exactly what this file imports. `__init__.py` loads from it what is
# used, when it is used; type checkers and editors read it as it stands.

from . import inside as inside
from . import lessons as lessons
from . import studies as studies
from .api.check_attributions import check_attributions as check_attributions
from .api.evaluate import evaluate as evaluate
from .api.export import Exported as Exported
from .api.export import export as export
from .api.import_model import import_model as import_model
from .api.load_data import load_data as load_data
from .api.look import look as look
from .api.opening import open_run as open_run
from .api.opening import open_subject as open_subject
from .api.plan_training import TrainingPlan as TrainingPlan
from .api.plan_training import plan_training as plan_training
from .api.predict import Prediction as Prediction
from .api.predict import predict as predict
from .api.top_images import top_images as top_images
from .api.train import resume as resume
from .api.train import train as train
from .data import Dataset as Dataset
from .data import Preprocessing as Preprocessing
from .data import Split as Split
from .engines import Model as Model
from .engines import build as build
from .evaluation import Evaluation as Evaluation
from .foundation.errors import ConvlensError as ConvlensError
from .foundation.errors import DataError as DataError
from .foundation.errors import DownloadError as DownloadError
from .foundation.errors import ExportError as ExportError
from .foundation.errors import ImageTooLarge as ImageTooLarge
from .foundation.errors import InputError as InputError
from .foundation.errors import Interrupted as Interrupted
from .foundation.errors import MissingExtra as MissingExtra
from .foundation.errors import NetworkError as NetworkError
from .foundation.errors import RecipeError as RecipeError
from .foundation.errors import RunError as RunError
from .foundation.errors import StorageError as StorageError
from .foundation.errors import TrainingError as TrainingError
from .foundation.errors import WeightsError as WeightsError
from .foundation.errors import WorkerError as WorkerError
from .inside.look import Look as Look
from .inside.top_images import TopImages as TopImages
from .inside.verdict import AttributionChecks as AttributionChecks
from .interchange.imported import Imported as Imported
from .network import Network as Network
from .network.plan import Plan as Plan
from .network.plan import Step as Step
from .runs import Run as Run
from .runs.history import History as History
from .training.recipe import Recipe as Recipe

__version__: str
