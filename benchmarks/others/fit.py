"""The model that is served, fitted by whichever scikit-learn an environment has."""

import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

folder = Path(sys.argv[1])
rng = np.random.default_rng(30)
matrix = rng.normal(size=(2_000, 30)).astype(np.float32)
labels = matrix[:, 0] + rng.normal(size=2_000) > 0
forest = RandomForestClassifier(100, random_state=0, n_jobs=1)
for name, estimator in {"linear": LogisticRegression(), "forest": forest}.items():
    fitted = make_pipeline(StandardScaler(), estimator).fit(matrix, labels)
    joblib.dump(fitted, folder / f"{name}.joblib")
np.save(folder / "matrix.npy", matrix)
