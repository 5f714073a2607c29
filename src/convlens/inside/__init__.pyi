# What `convlens.inside` promises: exactly what this file imports. The other modules of the folder
# may change.

from .attribution import attribute as attribute
from .explain import explain as explain
from .feature_maps import DeadMaps as DeadMaps
from .feature_maps import FeatureMaps as FeatureMaps
from .feature_maps import FeatureVector as FeatureVector
from .feature_maps import feature_maps as feature_maps
from .feature_maps import find_dead_maps as find_dead_maps
from .look import Classifier as Classifier
from .reasons import Attribution as Attribution
from .records import Addition as Addition
from .records import CellComputation as CellComputation
from .records import Concatenation as Concatenation
from .records import Correlation as Correlation
from .records import Elementwise as Elementwise
from .records import Pooling as Pooling
from .records import Product as Product
from .records import Region as Region
from .records import WeightedSum as WeightedSum
from .windows import window as window
