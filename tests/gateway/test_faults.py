"""Faults of our own inside a gateway: every caller is answered, and nothing that was counted is
lost."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.gateway.conftest import Serve
from tests.gateway.control import GOOD, Control, bundle
from tests.gateway.test_lane import PLAIN, Line, request

from seawall.adapters.decisions import find_subject, ship
from seawall.gateway.main import Gateway
from seawall.serving.limit import Limits


@pytest.mark.parametrize(("log", "name"), [("enqueued", "keep"), ("durable", "begin_keep")])
def test_an_unexpected_error_while_a_turn_is_kept_answers_all_its_callers(
    control: Control, serve: Serve, log: Any, name: str
):
    control.issue(bundle(log=log))
    served = serve()
    asked: list[int] = []

    def fault(answered: Any, *_: Any) -> None:
        asked.append(len(answered))
        raise RuntimeError("a fault of ours")

    with closing(Line(served.port)) as line, closing(Line(served.port)) as other:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(served.gateway.service, name, fault)
            for one in (line, other):
                one.send(request(PLAIN) * 2)
            assert {one.reply()[0] for one in (line, other, line, other)} == {500}
        assert sum(asked) == 4
        for one in (line, other):
            one.send(request(PLAIN))
            assert one.reply()[0] == 200
    assert served.gateway.holder.live["m"].admission.under_way == 0


@pytest.mark.parametrize("broken", ["metrics", "log"])
def test_rows_are_kept_for_the_control_plane_when_the_disk_takes_no_metrics(
    control: Control, serve: Serve, broken: str
):
    control.issue(bundle())
    served = serve()
    for _ in range(3):
        served.score(GOOD)
    place, name = {
        "metrics": (served.worker._metrics, "absorb"),
        "log": (served.gateway.log, "seal_if_due"),
    }[broken]

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, full)
        with pytest.raises(OSError, match="No space"):
            served.worker.flush()
    served.score(GOOD)
    served.worker.flush()
    assert control.body("counters").decisions == 4
    assert control.body("scores").n == 4


def test_requests_under_way_are_each_workers_own_and_added_up_once(control: Control, serve: Serve):
    control.issue(bundle(limits=Limits(concurrency=9)))
    served = serve(workers=2)
    other = Gateway(served.gateway.settings, worker=1)
    other.worker.poll()
    try:
        for gateway, count in ((served.gateway, 2), (other, 3)):
            for _ in range(count):
                gateway.holder.live["m"].admission.enter("", 0.0, 0.0)
        assert served.gateway.holder.live["m"].admission.under_way == 5
        other.worker.flush()
        served.worker.flush()
        assert under_way(served.http.get("/metrics").text) == [5.0]
        for _ in range(3):
            other.holder.live["m"].admission.leave("")
        other.worker.flush()
        assert under_way(served.http.get("/metrics").text) == [2.0]
    finally:
        other.worker.stop()
        other.log.close()


def under_way(page: str) -> list[float]:
    families = text_string_to_metric_families(page)
    return [s.value for f in families for s in f.samples if s.name == "seawall_requests_under_way"]


def test_the_subject_of_a_plain_row_is_kept_and_its_decisions_are_found(
    control: Control, serve: Serve
):
    control.issue(bundle(unit="subject"))
    served = serve()
    plain: list[Any] = []
    answer = served.gateway.service.plain
    served.gateway.service.plain = lambda *given: plain.append(answer(*given)) or plain[-1]
    place = served.gateway.settings
    ids = [served.score(GOOD | {"subject": who})[0]["decision_id"] for who in ("ada", "bo", "ada")]
    assert [one.decision_id for one in plain] == ids
    folders = [place.log_folder]
    waiting = find_subject(place.table_root, "ada", wal_folders=folders)
    served.gateway.log.seal()
    ship(place.log_folder, place.table_root, clock=place.clock)
    shipped = find_subject(place.table_root, "ada")
    assert [r.id for r in waiting] == [r.id for r in shipped] == [ids[0], ids[2]]
    assert {r.subject for r in shipped} == {"ada"}
