from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.kernel import BadInput, Conflict, Digest, NotFound
from seawall.registry.lifecycle import MOVES, move
from seawall.registry.model import Model
from seawall.registry.provenance import DataSet, Provenance, lineage
from seawall.registry.stage import Stage
from seawall.registry.version import Artefact, Version, VersionRef, register

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MODEL = Model(name="income", owner="mara", tier="high", purpose="screen applications")


def artefact(content: bytes = b"weights") -> Artefact:
    return Artefact(digest=Digest.of(content), format="onnx", size=len(content))


def version(*earlier: Version, content: bytes = b"weights") -> Version:
    return register(MODEL, artefact(content), Provenance(author="dev"), earlier, at=NOW)


names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,62}", fullmatch=True)


@settings(max_examples=50, deadline=None)
@given(names, st.integers(1, 999_999_999))
def test_a_version_reference_survives_being_written_and_read(name: str, number: int) -> None:
    ref = VersionRef(name, number)
    assert VersionRef.parse(str(ref)) == ref


@pytest.mark.parametrize("text", ["income", "income@", "income@0", "@1", "income@1@2", "Income@1"])
def test_what_is_not_a_version_reference_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadInput, match="is not a version") as caught:
        VersionRef.parse(text)
    assert "income@3" in caught.value.remedy


def test_versions_sort_by_number_not_by_text() -> None:
    refs = [VersionRef.parse(t) for t in ("income@10", "income@2")]
    assert sorted(refs) == refs[::-1]


@pytest.mark.parametrize("name", ["", "Income", "a/b", "a@1", "-a", "a" * 64])
def test_a_model_name_that_would_break_a_key_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="cannot name a model"):
        Model(name=name, owner="mara", tier="low", purpose="p")


def test_versions_of_a_model_are_numbered_from_one() -> None:
    first = version()
    second = version(first, content=b"other")
    assert [first.key, second.key] == ["income@1", "income@2"]
    assert first.stage is Stage.REGISTERED
    assert first.history[0].at == NOW


def test_an_artefact_is_not_registered_twice_while_its_version_lives() -> None:
    with pytest.raises(Conflict, match=r"already income@1 \(registered\)"):
        version(version())


def test_after_a_rejection_the_same_artefact_returns_and_says_so() -> None:
    rejected = move(version(), Stage.REJECTED, NOW, "no provenance")
    again = version(rejected)
    assert again.key == "income@2"
    assert again.history[0].why == "registered; same artefact as income@1, rejected"


def test_an_attached_object_cannot_be_replaced() -> None:
    first, other = Digest.of(b"report"), Digest.of(b"another")
    with_report = version().attach("report", first)
    assert with_report.attach("report", first) == with_report
    with pytest.raises(Conflict, match="already has another 'report'"):
        with_report.attach("report", other)


def test_a_version_walks_from_registration_to_production() -> None:
    walked = version()
    for step, to in enumerate((Stage.VALIDATED, Stage.APPROVED, Stage.CANARY, Stage.PRODUCTION), 1):
        walked = move(walked, to, NOW + timedelta(hours=step), f"step {step}")
    assert walked.stage is Stage.PRODUCTION
    assert [c.stage for c in walked.history] == [
        "registered",
        "validated",
        "approved",
        "canary",
        "production",
    ]


@pytest.mark.parametrize("start", Stage)
@pytest.mark.parametrize("to", Stage)
def test_a_move_outside_the_table_is_refused_and_says_what_is_allowed(
    start: Stage, to: Stage
) -> None:
    here = msgspec.structs.replace(version(), stage=start)
    if to in MOVES[start]:
        assert move(here, to, NOW, "because").stage is to
        return
    with pytest.raises(Conflict, match=f"is {start} and cannot become {to}") as caught:
        move(here, to, NOW, "because")
    assert all(name in caught.value.remedy for name in MOVES[start])


def test_nothing_serves_without_passing_through_approval() -> None:
    reached, todo = set[Stage](), [Stage.REGISTERED]
    while todo:
        stage = todo.pop()
        if stage in reached or stage is Stage.APPROVED:
            continue
        reached.add(stage)
        todo.extend(MOVES[stage])
    assert not any(stage.serves for stage in reached)


def test_a_move_needs_a_reason_and_time_that_goes_forward() -> None:
    with pytest.raises(BadInput, match="needs a reason"):
        move(version(), Stage.VALIDATED, NOW, " ")
    with pytest.raises(Conflict, match="before it became registered"):
        move(version(), Stage.VALIDATED, NOW - timedelta(seconds=1), "early")


def test_provenance_names_what_is_missing() -> None:
    bare = Provenance(author="dev")
    assert bare.missing == (
        "training data",
        "code commit",
        "clean work tree",
        "parameters",
        "packages",
        "start and end",
    )
    whole = Provenance(
        author="dev",
        datasets={"train": Digest.of(b"rows")},
        commit="c0ffee",
        dirty=False,
        parameters={"depth": 3},
        packages={"numpy": "2.0"},
        started=NOW,
        finished=NOW,
    )
    assert whole.missing == ()


def test_the_digest_of_provenance_depends_on_content_alone() -> None:
    one = Provenance(author="dev", parameters={"a": 1, "b": 2}, datasets={"t": Digest.of(b"x")})
    same = Provenance(author="dev", parameters={"b": 2, "a": 1}, datasets={"t": Digest.of(b"x")})
    other = Provenance(author="dev", parameters={"a": 1, "b": 3}, datasets={"t": Digest.of(b"x")})
    assert one.digest == same.digest
    assert one.digest != other.digest


def data(name: str, *parents: str) -> DataSet:
    made_from = tuple(Digest.of(p.encode()) for p in parents)
    return DataSet(digest=Digest.of(name.encode()), name=name, rows=1, parents=made_from)


def known(*sets: DataSet) -> dict[Digest, DataSet]:
    return {s.digest: s for s in sets}


def test_lineage_lists_parents_before_children_once() -> None:
    sets = known(data("raw"), data("clean", "raw"), data("train", "clean", "raw"))
    order = lineage([Digest.of(b"train")], sets)
    assert [d.name for d in order] == ["raw", "clean", "train"]


def test_lineage_refuses_a_circle_and_an_unknown_parent() -> None:
    with pytest.raises(Conflict, match="its own ancestors"):
        lineage([Digest.of(b"a")], known(data("a", "b"), data("b", "a")))
    with pytest.raises(NotFound, match="is not registered"):
        lineage([Digest.of(b"a")], known(data("a", "b")))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.randoms(use_true_random=False))
def test_lineage_of_any_acyclic_graph_puts_every_parent_first(size: int, random) -> None:
    sets = [
        data(str(i), *[str(p) for p in random.sample(range(i), random.randint(0, min(i, 4)))])
        for i in range(size)
    ]
    order = [d.digest for d in lineage((s.digest for s in sets), known(*sets))]
    assert sorted(order) == sorted(s.digest for s in sets)
    for s in sets:
        assert all(order.index(p) < order.index(s.digest) for p in s.parents)
