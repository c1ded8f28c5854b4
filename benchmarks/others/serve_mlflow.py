"""`mlflow models serve`, one worker, of the scikit-learn flavour."""

import os
import sys
import tempfile
from pathlib import Path

import joblib
import mlflow.sklearn
from scoring import MODEL

fitted = joblib.load(os.environ[MODEL])
folder = tempfile.mkdtemp(dir=Path(os.environ[MODEL]).parent) + "/model"
mlflow.sklearn.save_model(fitted, folder, pyfunc_predict_fn="predict_proba")
words = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", folder]
words += ["--env-manager", "local", "--host", "127.0.0.1", "--workers", "1"]
os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
os.execv(sys.executable, [*words, "--port", sys.argv[1]])
