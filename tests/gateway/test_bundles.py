from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.gateway.conftest import Serve
from tests.gateway.control import ADMIN, GOOD, Control, arm, bundle, onnx_bytes, training_rows

from seawall.adapters.signing.envelope import seal
from seawall.kernel import Corrupt, Digest
from seawall.sdk.guard import Guard
from seawall.serving.bundle import PAYLOAD_TYPE, Arm
from seawall.serving.fallback import Fallback


def narrow_model() -> bytes:
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    rows = training_rows()[:, :2]
    fitted = LogisticRegression().fit(rows, rows[:, 0] > 50)
    return to_onnx(fitted, rows[:1], options={"zipmap": False}).SerializeToString()  # type: ignore[union-attr]


def spoil(control: Control, how: str) -> None:
    """Offer a bundle that must not be adopted."""
    other = bundle(2, arms=(arm(version="m@2", seed=4),))
    if how == "signature":
        control.issue(other, Ed25519PrivateKey.generate())
    elif how == "number":
        control.issue(bundle(1, arms=(arm(version="m@2", seed=4),)))
    elif how == "type":
        control.bundles["m"] = seal("text/plain", other.to_bytes(), control.key)
    elif how == "content":
        control.bundles["m"] = seal(PAYLOAD_TYPE, other.to_bytes()[:-9], control.key)
    elif how == "endpoint":
        elsewhere = bundle(2, endpoint="n")
        control.bundles["m"] = seal(PAYLOAD_TYPE, elsewhere.to_bytes(), control.key)
    elif how == "digest":
        control.objects[Digest.of(onnx_bytes(4))] = onnx_bytes(4)[:-1]
        control.issue(other)
    else:
        wrong = b"not a model" if how == "model" else narrow_model()
        control.objects[Digest.of(wrong)] = wrong
        champion = Arm(name="champion", version="m@2", artefact=Digest.of(wrong), weight=1.0)
        control.issue(bundle(2, arms=(champion,)))


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("signature", "signature"),
        ("number", "number"),
        ("type", "type"),
        ("content", "content"),
        ("endpoint", "endpoint"),
        ("digest", "digest"),
        ("model", "model"),
        ("narrow model", "model"),
    ],
)
def test_a_bundle_that_is_not_right_is_refused_and_counted_and_the_old_one_serves_on(
    control: Control, serve: Serve, how: str, why: str
):
    control.issue(bundle(1))
    served = serve()
    spoil(control, how)
    served.worker.poll()
    served.worker.poll()
    assert served.score(GOOD)[0]["version"] == "m@1"
    served.worker.flush()
    text = served.http.get("/metrics").text
    assert f'seawall_bundles_refused_total{{endpoint="m",reason="{why}"}} 1\n' in text
    control.objects[Digest.of(onnx_bytes(4))] = onnx_bytes(4)
    control.issue(bundle(3, arms=(arm(version="m@3", seed=4),)))
    served.worker.poll()
    assert served.score(GOOD)[0]["version"] == "m@3"


def test_a_new_bundle_is_served_without_a_restart(control: Control, serve: Serve):
    served = serve()
    assert served.http.get("/readyz").status_code == 503
    assert served.http.post("/invocations", json={"instances": [GOOD]}).status_code == 503
    control.issue(bundle(1))
    served.worker.poll()
    assert served.http.get("/readyz").status_code == 200
    (first,) = served.score(GOOD)
    control.issue(bundle(2, arms=(arm(version="m@2", seed=4),)))
    served.worker.poll()
    (second,) = served.score(GOOD)
    assert (first["version"], second["version"]) == ("m@1", "m@2")
    assert first["score"] != second["score"]


def test_with_the_control_plane_gone_a_restart_serves_what_it_served(
    control: Control, serve: Serve
):
    fallback = Fallback(label=1, reason="a person decides")
    control.issue(bundle(1, fallback=fallback))
    before = serve()
    (first,) = before.score(GOOD)
    right = {"authorization": f"Bearer {ADMIN}"}
    before.http.post("/admin/endpoints/m/kill", headers=right)
    gone = "http://127.0.0.1:9"
    after = serve(control_url=gone)
    (killed,) = after.score(GOOD)
    assert (killed["verdict"], killed["label"]) == ("fallback", 1)
    assert killed["reason"] == "switched off; a person decides"
    after.http.post("/admin/endpoints/m/unkill", headers=right)
    (again,) = after.score(GOOD)
    assert again["score"] == first["score"]
    after.worker.flush()
    assert "seawall_control_plane_up 0\n" in after.http.get("/metrics").text


def test_when_the_present_bundle_is_damaged_on_disk_the_last_safe_one_serves(
    control: Control, serve: Serve
):
    control.issue(bundle(1, safe=True))
    served = serve()
    control.issue(bundle(2, arms=(arm(version="m@2", seed=4),)))
    served.worker.poll()
    folder = served.gateway.settings.state_dir
    artefact = folder / "objects" / Digest.of(onnx_bytes(4)).hex
    artefact.write_bytes(artefact.read_bytes()[:-1])
    after = serve(control_url="http://127.0.0.1:9")
    assert after.score(GOOD)[0]["version"] == "m@1"
    healed = serve()
    assert healed.score(GOOD)[0]["version"] == "m@2"


def test_units_keep_their_arm_and_replies_name_it(control: Control, serve: Serve):
    arms = (arm(weight=0.6), arm("canary", "m@2", seed=4, weight=0.4))
    control.issue(bundle(arms=arms))
    served = serve()
    rows = [GOOD | {"person": f"p{i}"} for i in range(200)]
    first = [p["arm"] for p in served.score(*rows)]
    assert first == [p["arm"] for p in served.score(*rows)]
    assert 40 <= first.count("canary") <= 120
    (alone,) = served.score(GOOD, person="p3")
    assert alone["arm"] == first[3]


def test_a_guard_in_another_process_decides_as_the_gateway_does(
    control: Control, serve: Serve, tmp_path: Path
):
    control.issue(bundle())
    served = serve()
    folder = served.gateway.settings.state_dir
    guard = Guard.load(folder, public_key=control.public_key)
    (answer,) = served.score(GOOD)
    found = guard.decide(GOOD)
    assert (found.score, found.label, found.version) == (answer["score"], answer["label"], "m@1")
    blocked = guard.decide(GOOD | {"age": -3})
    assert (blocked.verdict, blocked.score) == ("block", None)
    assert blocked.reason == "the input is not valid: age out of range"
    assert Guard.load(folder).decide(GOOD).score == found.score


def test_a_guard_does_not_load_what_was_changed(control: Control, serve: Serve):
    control.issue(bundle())
    folder = serve().gateway.settings.state_dir
    stranger = Control()
    stranger.close()
    with pytest.raises(Corrupt):
        Guard.load(folder, public_key=stranger.public_key)
    artefact = next((folder / "objects").iterdir())
    artefact.write_bytes(artefact.read_bytes()[:-1])
    with pytest.raises(Corrupt, match="changed"):
        Guard.load(folder)
