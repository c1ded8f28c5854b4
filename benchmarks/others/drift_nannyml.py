"""NannyML's univariate drift by KS and chi-squared in its ten chunks; what most of them alert."""

import json
import sys

import nannyml
import pandas as pd

reference, current = (pd.read_parquet(path) for path in sys.argv[1:])
calculator = nannyml.UnivariateDriftCalculator(
    column_names=list(reference.columns),
    continuous_methods=["kolmogorov_smirnov"],
    categorical_methods=["chi2"],
)
calculator.fit(reference)
found = calculator.calculate(current).filter(period="analysis").to_df()
alerts = found.xs("alert", axis="columns", level=2).droplevel(1, axis="columns").mean()
print(json.dumps([str(name) for name, share in alerts.items() if share > 0.5]))
