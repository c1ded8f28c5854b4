"""`seawall signature` as its user runs it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from tests.serving.test_modes import signatures
from typer.testing import CliRunner

from seawall.adapters.declared import KINDS, read
from seawall.adapters.declared.signature_text import signature_text
from seawall.cli.main import app
from seawall.kernel import BadInput
from seawall.sdk.signature import hold, infer_signature, read_signature
from seawall.serving.signature import Field, Signature

RNG = np.random.default_rng(2)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "train.parquet"
    ages = [None if i % 9 == 0 else int(a) for i, a in enumerate(RNG.integers(18, 90, 300))]
    columns = {
        "id": list(range(300)),
        "age": ages,
        "region": RNG.choice(["north", "no: 'south', #1", "yes"], 300).tolist(),
        "member": (RNG.random(300) > 0.5).tolist(),
        "label": RNG.integers(0, 2, 300).tolist(),
    }
    pq.write_table(pa.table(columns), path)
    return path


def ran(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(map(str, words)), env={"COLUMNS": "200"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_what_is_inferred_is_written_to_be_applied_and_holds_for_its_data(
    table: Path, tmp_path: Path
):
    written = tmp_path / "signature.yaml"
    status, said = ran("signature", "infer", table, "-o", written, "--label", "label")
    assert status == 0
    assert "id: counts the rows" in said
    (declared,) = read(written, KINDS)
    assert declared.kind == "Signature"
    assert read_signature(written).signature == infer_signature(table, label="label").signature
    status, said = ran("signature", "check", written, table)
    assert (status, said.splitlines()[0]) == (0, "0 of 300 rows would be refused")


def test_rows_that_do_not_fit_are_counted_by_field_and_told_what_to_do(table: Path, tmp_path: Path):
    written = tmp_path / "signature.yaml"
    ran("signature", "infer", table, "-o", written, "--column", "age", "--column", "member")
    other = tmp_path / "rows.csv"
    other.write_text("years,member\n40,true\n400,true\n,false\n")
    status, said = ran("signature", "check", written, other, "--json")
    held = msgspec.json.decode(said)
    assert status == 1
    assert (held["rows"], held["refused"]) == (3, 3)
    assert {v["field"]: v["problem"] for v in held["counted"]} == {
        "age": "missing",
        "years": "unknown",
    }


def test_a_change_that_callers_notice_is_told_and_fails(table: Path, tmp_path: Path):
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    ran("signature", "infer", table, "-o", old)
    assert ran("signature", "compare", old, old) == (0, "The signatures are the same.\n")
    new.write_text(old.read_text().replace("nullable: true", "mode: coerce"))
    status, said = ran("signature", "compare", old, new)
    assert status == 1
    assert "what is missing was null and is required" in said


def test_without_a_file_the_document_is_printed(table: Path):
    status, said = ran("signature", "infer", table)
    assert status == 0
    assert "kind: Signature" in said
    assert "# ? counts the rows" in said


@given(signatures())
def test_any_signature_is_written_such_that_it_reads_back(tmp_path_factory, signature: Signature):
    path = tmp_path_factory.mktemp("s") / "s.yaml"
    path.write_text(signature_text("on", signature, facts={"age": "seen"}), encoding="utf-8")
    back = read_signature(path)
    assert back.signature == signature
    assert back.name == "on"


@pytest.mark.parametrize(
    "words",
    [
        ("yes", "no", "1", "1e3", "~", "null", "a: b", "#", " lead", "", "x" * 90),
        ("ä", "\n", "'", '"', "{", "- a", "@", "2026-01-01", "0x1f", "1_0", "=", "<<"),
    ],
)
def test_categories_that_yaml_reads_otherwise_are_quoted(tmp_path: Path, words: tuple[str, ...]):
    signature = Signature((Field(name="a: b", kind="category", categories=words),))
    path = tmp_path / "s.yaml"
    path.write_text(signature_text("m", signature), encoding="utf-8")
    assert read_signature(path).signature == signature


def test_a_mistake_in_the_file_is_told_with_its_line(tmp_path: Path):
    path = tmp_path / "s.yaml"
    path.write_text(
        "apiVersion: seawall/v1\nkind: Signature\nmetadata: {name: m}\nspec:\n  fields:\n"
        "    - {name: a, kind: number, minimun: 2}\n"
    )
    with pytest.raises(BadInput, match=r"s.yaml:6.*did you mean 'minimum'"):
        read_signature(path)
    path.write_text(path.read_text().replace(", minimun: 2", "") + "  rules:\n"
                    "    - {name: r, rule: b > 1.0}\n")  # fmt: skip
    with pytest.raises(BadInput, match=r"reads 'b', which is no field"):
        read_signature(path)


def test_more_rows_than_a_block_are_counted_together(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("seawall.sdk.signature.BLOCK", 7)
    signature = Signature((Field(name="x", kind="integer", minimum=0, maximum=9),))
    held = hold(signature, {"x": np.arange(20)})
    assert (held.rows, held.refused) == (20, 10)
    assert [(v.problem, v.count) for v in held.counted] == [("out_of_range", 10)]


def test_a_renamed_column_is_known_by_its_distribution_whatever_it_is_called(tmp_path: Path):
    rng = np.random.default_rng(4)
    fields = (
        Field(name="income", kind="number", minimum=0, maximum=1e6),
        Field(name="grade", kind="category", categories=("a", "b", "c")),
    )

    def rows(n: int) -> dict[str, np.ndarray]:
        grades = rng.choice(["a", "b", "c"], n, p=[0.7, 0.2, 0.1]).astype(object)
        return {"income": rng.lognormal(8, 1, n), "grade": grades}

    reference, now = rows(5_000), rows(1_000)
    sent = {
        "incom": rng.uniform(0, 90_000, 1_000), "earned": now["income"],
        "grader": rng.choice(["a", "b", "c"], 1_000).astype(object), "mark": now["grade"],
    }  # fmt: skip
    told = {v.field: v.remedy for v in hold(Signature(fields), sent, reference).counted}
    assert told["income"] == "earned looks like it; rename earned to income"
    assert told["grade"] == "mark looks like it; rename mark to grade"
    by_name = {v.field: v.remedy for v in hold(Signature(fields), sent).counted}
    assert by_name["income"] == "incom looks like it; rename incom to income"


def test_a_column_in_another_unit_within_the_range_is_named_and_fails(tmp_path: Path):
    rng = np.random.default_rng(6)
    paths = {name: tmp_path / f"{name}.parquet" for name in ("train", "now")}
    for name, path in paths.items():
        factor = 12 if name == "now" else 1
        pq.write_table(pa.table({"income": factor * rng.lognormal(8, 0.8, 5_000)}), path)
    signature = tmp_path / "s.yaml"
    income = Field(name="income", kind="number", minimum=0, maximum=1e7, unit="EUR per month")
    signature.write_text(signature_text("m", Signature((income,))), encoding="utf-8")
    assert ran("signature", "check", signature, paths["now"])[0] == 0
    status, said = ran("signature", "check", signature, paths["now"], "--reference", paths["train"])
    assert status == 1
    assert "0 of 5,000 rows would be refused" in said
    assert "income looks 12 times the reference's: per month → per year?" in said
