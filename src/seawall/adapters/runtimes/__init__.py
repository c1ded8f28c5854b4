"""Models as running code: an artefact's bytes in, scores out."""

from seawall.adapters.runtimes.load import FORMATS as FORMATS
from seawall.adapters.runtimes.load import LoadedModel as LoadedModel
from seawall.adapters.runtimes.load import format_of as format_of
from seawall.adapters.runtimes.load import load as load
