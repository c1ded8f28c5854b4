"""Alibi Detect's tabular drift: KS and chi-squared at 5%, corrected by Bonferroni."""

import json
import sys

import numpy as np
import pandas as pd
from alibi_detect.cd import TabularDrift

reference, current = (pd.read_parquet(path) for path in sys.argv[1:])
names = list(reference.columns)
named = [at for at, name in enumerate(names) if reference[name].dtype != float]
for table in (reference, current):
    for at in named:
        table[names[at]] = table[names[at]].astype("category").cat.codes
detector = TabularDrift(
    reference.to_numpy(np.float64), p_val=0.05, categories_per_feature=dict.fromkeys(named)
)
found = detector.predict(current.to_numpy(np.float64), drift_type="feature")["data"]
level = 0.05 / len(names)
print(json.dumps([n for n, p in zip(names, found["p_val"], strict=True) if p < level]))
