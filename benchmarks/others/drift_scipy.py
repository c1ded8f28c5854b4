"""A loop of scipy's KS and chi-squared tests over all columns at 5% by Bonferroni."""

import json
import sys

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, ks_2samp

reference, current = (pd.read_parquet(path) for path in sys.argv[1:])
drifted = []
for name in reference:
    if reference[name].dtype == float:
        p = ks_2samp(reference[name], current[name], method="asymp").pvalue
    else:
        counts = pd.DataFrame(
            {"old": reference[name].value_counts(), "new": current[name].value_counts()}
        )
        p = chi2_contingency(np.asarray(counts.fillna(0)).T).pvalue
    if p < 0.05 / len(reference.columns):
        drifted.append(name)
print(json.dumps(drifted))
