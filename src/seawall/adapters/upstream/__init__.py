"""Models that run elsewhere: a server of the Open Inference Protocol V2, or of MLflow."""

from seawall.adapters.upstream.client import Answered as Answered
from seawall.adapters.upstream.client import Forwarded as Forwarded
from seawall.adapters.upstream.client import Late as Late
from seawall.adapters.upstream.client import Then as Then
from seawall.adapters.upstream.client import Upstream as Upstream
from seawall.adapters.upstream.passing import Passage as Passage
from seawall.adapters.upstream.passing import Passed as Passed
from seawall.adapters.upstream.remote import RemoteModel as RemoteModel
