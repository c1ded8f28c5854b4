"""NannyML's CBPE of the measures that `seawall.estimate` gives; the seconds of fit and estimate."""

import sys
import time

import nannyml
import pandas as pd

reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
for table in (reference, current):
    table["call"] = (table["score"] >= 0.5).astype(int)
began = time.perf_counter()
estimator = nannyml.CBPE(
    y_pred_proba="score",
    y_pred="call",
    y_true="label",
    metrics=["accuracy", "precision", "recall", "f1", "roc_auc"],
    problem_type="classification_binary",
    chunk_size=int(sys.argv[3]),
)
estimator.fit(reference)
estimator.estimate(current)
print(time.perf_counter() - began)
