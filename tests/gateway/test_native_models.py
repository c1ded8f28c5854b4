from __future__ import annotations

import threading

import numpy as np
import psutil
import xgboost
from tests.gateway.conftest import Serve
from tests.gateway.control import GOOD, Control, bundle, training_rows

from seawall.kernel import Digest
from seawall.serving.bundle import Arm
from seawall.serving.fallback import Fallback


def test_while_a_models_worker_is_dead_the_fallback_answers_and_then_the_model_again(
    control: Control, serve: Serve
):
    rows = training_rows()
    told = {"objective": "binary:logistic", "nthread": 1}
    booster = xgboost.train(told, xgboost.DMatrix(rows, rows[:, 0] > 50), 5)
    artefact = bytes(booster.save_raw("ubj"))
    control.objects[Digest.of(artefact)] = artefact
    arm = Arm(
        name="champion", version="m@1", artefact=Digest.of(artefact), format="xgboost", weight=1.0
    )
    control.issue(bundle(arms=(arm,), fallback=Fallback(label=0, reason="a person decides")))
    before = {c.pid for c in psutil.Process().children()}
    served = serve()
    expected = float(booster.inplace_predict(np.array([[40, 38.5, 1]], np.float32))[0])
    assert served.score(GOOD)[0]["score"] == expected
    (worker,) = (c for c in psutil.Process().children() if c.pid not in before)
    worker.kill()
    (answer,) = served.score(GOOD)
    assert (answer["verdict"], answer["label"]) == ("fallback", 0)
    assert answer["reason"] == "the model failed; a person decides"
    for _ in range(600):
        if served.score(GOOD)[0]["verdict"] == "pass":
            break
        threading.Event().wait(0.05)
    assert served.score(GOOD)[0]["score"] == expected
