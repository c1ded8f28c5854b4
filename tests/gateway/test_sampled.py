"""Sampling and cost on the way that most requests take: what is kept, what is counted."""

from __future__ import annotations

from datetime import timedelta

from tests.gateway.conftest import Serve
from tests.gateway.control import GOOD, Control, arm, bundle

from seawall.adapters.decisions import find, sample, ship
from seawall.kernel import FixedClock, now
from seawall.serving.cost import Cost
from seawall.serving.sampling import Sampling, position

ROWS = 200


def test_what_is_kept_follows_from_the_id_and_counts_and_groups_are_whole(
    control: Control, serve: Serve, clock: FixedClock
):
    control.issue(bundle(sampling=Sampling(rate=0.4)))
    served = serve()
    row = GOOD | {"sex": "f"}
    ids = [served.score(row)[0]["decision_id"] for _ in range(ROWS)]
    place = served.gateway.settings
    for decision_id in ids:
        kept = find(place.table_root, decision_id, wal_folders=[place.log_folder])
        assert kept is not None
        whole = position(decision_id) < 0.4
        assert kept.kept_probability == 0.4
        assert kept.minimal is (None if whole else True)
        assert kept.input == (row if whole else {"sex": "f"})
        assert kept.output is not None
    told = [{"decision_id": i, "label": 1} for i in ids]
    assert served.http.post("/outcomes", json=told).json()["received"] == ROWS
    served.worker.flush()
    served.keeper.join()
    assert control.body("counters").decisions == ROWS
    scores = control.body("labels").scores
    assert scores.family("sex").groups == (("f",),)
    assert scores.n == ROWS
    served.gateway.log.seal()
    ship(place.log_folder, place.table_root, clock=clock)
    found = sample(place.table_root, now(clock) - timedelta(days=1), ROWS)
    assert {r.id for r in found} == {i for i in ids if position(i) < 0.4}


def test_every_call_of_a_model_costs_and_a_shadows_too(control: Control, serve: Serve):
    arms = (
        arm(cost=Cost(amount=0.25, currency="EUR")),
        arm("shadow", "m@2", seed=4, cost=Cost(amount=2, currency="USD")),
    )
    control.issue(bundle(arms=arms))
    served = serve()
    for _ in range(6):
        served.score(GOOD)
    served.score(GOOD, GOOD)
    served.worker.flush()
    assert control.body("counters").costs == {"EUR": 2_000_000}
    assert control.body("counters", "shadow", "m@2").costs == {"USD": 16_000_000}
    page = served.http.get("/metrics").text
    assert (
        'seawall_cost_total{endpoint="m",version="m@1",arm="champion",currency="EUR"} 2.0' in page
    )
