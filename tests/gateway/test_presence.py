"""A gateway says which bundles it serves and which it refused, also after an outage."""

from __future__ import annotations

from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.gateway.conftest import Serve
from tests.gateway.control import ADMIN, GOOD, START, Control, arm, bundle, onnx_bytes

from seawall.gateway import presence, worker
from seawall.gateway.link import sentence_of
from seawall.gateway.main import Gateway
from seawall.gateway.refusals import MOST, Refusals
from seawall.kernel import Digest, FixedClock
from seawall.serving.gateways import GatewayStatus, Refusal


def test_each_gateway_says_its_bundle_and_software(control: Control, serve: Serve):
    control.issue(bundle())
    served = serve(name="north")
    served.worker.flush()
    (status,) = control.statuses
    assert (status.gateway, status.software) == ("north", version("seawall"))
    assert status.started == START
    held = served.gateway.holder.live["m"]
    assert (status.serving["m"].number, status.serving["m"].digest) == (1, str(held.digest))
    assert status.refusals == ()


def test_a_status_is_sent_when_it_changes_and_now_and_then(
    control: Control, serve: Serve, monkeypatch: pytest.MonkeyPatch
):
    control.issue(bundle())
    served = serve()
    served.worker.flush()
    served.worker.flush()
    assert len(control.statuses) == 1
    control.issue(bundle(2))
    served.worker.poll()
    served.worker.flush()
    assert [s.serving["m"].number for s in control.statuses] == [1, 2]
    admin = {"authorization": f"Bearer {ADMIN}"}
    served.http.post("/admin/endpoints/m/kill", headers=admin)
    served.worker.flush()
    assert control.statuses[-1].serving["m"].killed
    monkeypatch.setattr(presence, "PRESENT_SECONDS", 0.0)
    served.http.post("/admin/endpoints/m/unkill", headers=admin)
    for _ in range(3):
        served.worker.flush()
    assert len(control.statuses) == 6


def test_a_clock_that_runs_fast_has_a_gateway_speak_as_often_by_it(
    control: Control, serve: Serve, clock: FixedClock
):
    control.issue(bundle())
    served = serve()
    for _ in range(3):
        served.worker.flush()
        clock.advance(timedelta(seconds=31))
    assert len(control.statuses) == 3


def test_what_the_control_plane_does_not_give_is_told_once_with_its_reason(
    control: Control, serve: Serve, monkeypatch: pytest.MonkeyPatch
):
    control.issue(bundle())
    told: list[tuple[str, str]] = []
    served = serve()
    monkeypatch.setattr(
        worker, "_log",
        SimpleNamespace(warning=lambda event, **about: told.append((event, about["error"])),
                        info=lambda event: told.append((event, ""))),
    )  # fmt: skip
    del control.bundles["m"]
    for _ in range(3):
        served.worker.poll()
        served.worker.flush()
    control.issue(bundle(2))
    served.worker.poll()
    [(event, why)] = told
    assert event == "not given; what is here serves on"
    assert "404 to GET /bundles/m" in why
    assert served.gateway.holder.live["m"].bundle.number == 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"error": "gateway may not", "where": "/x", "remedy": "ask"}', "gateway may not; ask"),
        ("<html>no</html>", "<html>no</html>"),
    ],
)
def test_a_refusal_is_told_in_the_control_planes_own_words(body: str, said: str):
    assert sentence_of(body) == said


def refuse(control: Control, why: str) -> bytes:
    """Have the control plane give a bundle that is wrong in this way."""
    if why == "signature":
        control.issue(bundle(2), key=Ed25519PrivateKey.generate())
    elif why == "content":
        from seawall.adapters.signing.envelope import seal
        from seawall.serving.bundle import PAYLOAD_TYPE

        control.bundles["m"] = seal(PAYLOAD_TYPE, b"{}", control.key)
    elif why == "number":
        control.issue(bundle(1, unit=None))
    else:
        control.issue(bundle(2, arms=(arm(seed=4),)))
        wrong = onnx_bytes(3) if why == "digest" else b""
        control.objects[Digest.of(onnx_bytes(4))] = wrong
    return control.bundles["m"]


@pytest.mark.parametrize(
    ("why", "number"), [("signature", None), ("content", None), ("number", 1), ("digest", 2)]
)
def test_a_refused_bundle_is_told_with_why_and_what_serves_on(
    control: Control, serve: Serve, why: str, number: int | None
):
    control.issue(bundle())
    served = serve()
    envelope = refuse(control, why)
    served.worker.poll()
    served.worker.flush()
    (refusal,) = control.statuses[-1].refusals
    assert (refusal.endpoint, refusal.why, refusal.number, refusal.held) == ("m", why, number, 1)
    assert refusal.offered == str(Digest.of(envelope))
    assert (refusal.at, refusal.ended) == (START, None)
    assert refusal.message
    assert served.score(GOOD)[0]["verdict"] == "pass"
    assert served.gateway.holder.live["m"].bundle.number == 1


def test_a_refusal_is_one_however_often_it_is_offered_and_ends_with_a_good_bundle(
    control: Control, serve: Serve, clock: FixedClock
):
    control.issue(bundle())
    served = serve()
    refuse(control, "signature")
    for _ in range(3):
        served.worker._etags.clear()
        served.worker.poll()
    served.worker.flush()
    assert len(control.statuses[-1].refusals) == 1
    clock.advance(timedelta(minutes=1))
    control.issue(bundle(3))
    served.worker.poll()
    served.worker.flush()
    (refusal,) = control.statuses[-1].refusals
    assert (refusal.ended, refusal.taken) == (START + timedelta(minutes=1), 3)
    served.worker.flush()
    assert served.gateway.holder.live["m"].bundle.number == 3
    control.issue(bundle(4))
    served.worker.poll()
    served.worker.flush()
    assert control.statuses[-1].refusals == ()  # the control plane knew how it ended


def test_an_artefact_that_is_repaired_is_taken_without_another_bundle(
    control: Control, serve: Serve
):
    control.issue(bundle())
    served = serve()
    refuse(control, "digest")
    served.worker.poll()
    asked = served.gateway.holder.refused["m", "digest"]
    served.worker.poll()  # it is asked for again in half a minute
    assert served.gateway.holder.refused["m", "digest"] == asked == 1
    assert served.gateway.holder.live["m"].bundle.number == 1
    control.objects[Digest.of(onnx_bytes(4))] = onnx_bytes(4)
    served.worker._again["m"] = 0.0
    served.worker.poll()
    served.worker.flush()
    assert served.gateway.holder.live["m"].bundle.number == 2
    assert control.statuses[-1].refusals[0].taken == 2


def test_a_refusal_outlives_an_outage_and_a_restart(control: Control, serve: Serve):
    control.issue(bundle())
    first = serve()
    refuse(control, "signature")
    first.worker.poll()
    control.deaf = True
    first.worker.flush()
    control.issue(bundle(3))
    first.worker.poll()
    first.worker.flush()
    told = len(control.statuses)
    control.deaf = False
    second = serve()
    second.worker.flush()
    assert len(control.statuses) == told + 1
    (refusal,) = control.statuses[-1].refusals
    assert (refusal.why, refusal.held, refusal.taken) == ("signature", 1, 3)


def test_what_has_changed_on_disk_is_refused_at_the_start_and_told(
    control: Control, serve: Serve, tmp_path: Path
):
    control.issue(bundle(1, safe=True))
    serve()
    control.issue(bundle(2, arms=(arm(version="m@2", seed=4),)))
    served = serve()
    assert served.gateway.holder.live["m"].bundle.number == 2
    artefact = tmp_path / "gateway" / "objects" / Digest.of(onnx_bytes(4)).hex
    artefact.write_bytes(artefact.read_bytes()[:-1])
    gateway = Gateway(served.gateway.settings)  # which has not asked the control plane yet
    try:
        assert gateway.holder.live["m"].bundle.number == 1
        (refusal,) = gateway.worker._refusals.all
        assert (refusal.number, refusal.held, refusal.ended) == (2, None, None)
    finally:
        gateway.worker._link.close()
        gateway.log.close()


def test_refusals_are_bounded_and_a_broken_file_of_them_is_none(tmp_path: Path):
    path = tmp_path / "refusals" / "0"
    made = Refusals(path, FixedClock(START))
    for n in range(MOST + 10):
        made.add("m", b"%d" % n, "signature", "x" * 2_000, number=None, held=None)
    assert len(made.all) == MOST
    assert Refusals(path, FixedClock(START)).all == made.all
    GatewayStatus(gateway="g", software="1", started=START, serving={}, refusals=made.all)
    path.write_text("{")
    assert Refusals(path, FixedClock(START)).all == ()


def test_what_is_told_is_kept_until_it_has_ended(tmp_path: Path):
    made = Refusals(tmp_path / "0", FixedClock(START))
    made.add("m", b"a", "signature", "", number=None, held=1)
    made.told(made.all)
    assert len(made.all) == 1
    before: tuple[Refusal, ...] = made.all
    made.end("m", 2)
    made.told(before)  # how it ended was not in what was told
    assert len(made.all) == 1
    made.told(made.all)
    assert made.all == ()
