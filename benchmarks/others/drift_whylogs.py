"""whylogs: both tables profiled, then scored; what its drift category reads as drift."""

import json
import sys

import pandas as pd
import whylogs
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

reference, current = (whylogs.log(pd.read_parquet(path)).view() for path in sys.argv[1:])
scores = calculate_drift_scores(target_view=current, reference_view=reference, with_thresholds=True)
drifted = [n for n, s in scores.items() if s and s["drift_category"] == "DRIFT"]
print(json.dumps(drifted))
