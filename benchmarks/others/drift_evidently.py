"""Evidently's drift preset with its defaults; the columns that it calls drifted."""

import json
import sys

import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

reference, current = (pd.read_parquet(path) for path in sys.argv[1:])
found = Report([DataDriftPreset()]).run(current, reference).dict()["metrics"]
columns = [(m["config"], m["value"]) for m in found if "threshold" in m["config"]]
# a distance drifts from its threshold up, a p-value from it down
tests = ("p_value", "p-value")
drifted = [
    config["column"]
    for config, value in columns
    if (value < config["threshold"]) == any(word in config["method"] for word in tests)
]
print(json.dumps(drifted))
