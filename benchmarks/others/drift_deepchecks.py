"""Deepchecks' feature drift on all rows; a column drifts where its score passes 0.2."""

import json
import sys

import numpy as np
import pandas as pd
from deepchecks.tabular import Dataset
from deepchecks.tabular.checks import FeatureDrift

reference, current = (pd.read_parquet(path) for path in sys.argv[1:])
named = list(reference.select_dtypes(exclude=np.number))
train, test = (Dataset(rows, cat_features=named) for rows in (reference, current))
check = FeatureDrift(n_samples=len(reference), n_top_columns=len(reference.columns))
found = check.run(train, test).value
print(json.dumps([name for name, one in found.items() if one["Drift score"] > 0.2]))
