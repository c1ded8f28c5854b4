"""The life of a version on the command line, against a control plane of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from sklearn.linear_model import LogisticRegression
from tests.app.world import PEOPLE, documents
from tests.server.api.served import Served, document, seawall

from seawall.kernel import Ids, SystemClock
from seawall.sdk.export import export
from seawall_verify import verify

FEATURES = ("age", "hours")


class Office:
    """People who work with one control plane."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.served = Served(folder)
        roles = {name: tuple(str(r) for r in held) for name, held in PEOPLE.items()}
        self.tokens = self.served.people(roles)
        rng = np.random.default_rng(0)
        age, hours = rng.integers(18, 90, 2_000), np.round(rng.normal(40, 5, 2_000), 1)
        label = (age + rng.normal(0, 5, 2_000) > 55).astype(int)
        table = pa.table({"age": age, "hours": hours, "employed": label})
        matrix = np.column_stack([age, hours]).astype(np.float32)
        self.data, self.model = folder / "people.parquet", folder / "income.onnx"
        pq.write_table(table, self.data)
        fitted = LogisticRegression(max_iter=1_000).fit(matrix, label)
        self.model.write_bytes(export(fitted, matrix).artefact)
        for who, declared in documents():
            place = folder / who
            place.mkdir(exist_ok=True)
            text = yaml.safe_dump(declared)
            (place / f"{declared['kind']}.yaml").write_text(text, encoding="utf-8")

    def run(self, who: str, *words: str) -> subprocess.CompletedProcess[str]:
        env = {"SEAWALL_URL": self.served.url, "SEAWALL_TOKEN": self.tokens[who]}
        return seawall(*words, env=env, cwd=self.folder)

    def json(self, who: str, *words: str, status: int = 0) -> Any:
        done = self.run(who, *words, "--json")
        assert done.returncode == status, (words, done.stdout, done.stderr)
        return document(done)

    def refused(self, who: str, *words: str) -> str:
        """The one line with which a command refuses."""
        done = self.run(who, *words)
        assert (done.returncode, done.stdout) == (2, ""), (done.stdout, done.stderr)
        [line] = done.stderr.strip().splitlines()
        return line


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("office"))
    yield made
    assert made.served.stop() == 0


def registering(office: Office) -> list[str]:
    return [
        "register", "income", str(office.model), "--data", str(office.data), "--label", "employed",
        "--feature", "age", "--feature", "hours",
    ]  # fmt: skip


@pytest.mark.timeout(600)
def test_the_life_of_a_version_on_the_command_line(office: Office, tmp_path: Path) -> None:
    for who in ("ada", "vera", "otto"):
        applied = office.json(who, "apply", "-f", str(office.folder / who))
        assert all(a["changed"] for a in applied)
    again = office.run("ada", "apply", "-f", str(office.folder / "ada"))
    assert again.stdout.splitlines() == ["unchanged  Endpoint/income", "unchanged  Model/income"]
    assert [m["name"] for m in office.json("iris", "get", "models")] == ["income"]
    assert office.json("iris", "describe", "Endpoint", "income")["policy"] == "income"

    assert "No version" in office.run("iris", "versions").stdout
    assert office.json("ada", *registering(office)) == {"version": "income@1"}
    assert "already income@1" in office.refused("ada", *registering(office))

    gate = office.json("ada", "gate", "income@1", status=1)
    assert gate["verdict"]["outcome"] == "fail"
    measure = ("validate", "income@1", "--data", str(office.data))
    assert "ada is the version's author" in office.refused("ada", *measure)
    report = tmp_path / "report.md"
    measured = office.json("vera", *measure, "--md", str(report))
    assert measured["report"]["verdict"]["outcome"] == "pass"
    assert "income@1" in report.read_text(encoding="utf-8")
    passed = office.run("ada", "gate", "income@1")
    assert (passed.returncode, "✓ pass" in passed.stdout) == (0, True)

    half = office.json("abel", "approve", "income@1", "--suitable", status=3)
    assert half["verdict"]["outcome"] == "undecided"
    assert "vera is the version's validator" in office.refused(
        "vera", "approve", "income@1", "--suitable", "--rating-affirmed"
    )
    start = ("rollout", "start", "income@1", "--endpoint", "income")
    assert "no approval in force" in office.refused("otto", *start)
    office.json("abel", "approve", "income@1", "--suitable", "--rating-affirmed")
    assert "first version" in office.run("otto", *start).stdout
    [version] = office.json("iris", "versions")
    assert version["stage"] == "production"
    assert "income@1" in office.run("iris", "versions").stdout


def test_the_decision_log_is_kept_on_the_command_line(office: Office, tmp_path: Path) -> None:
    ids = [Ids(SystemClock())() for _ in range(2)]
    file = tmp_path / "outcomes.csv"
    file.write_text("decision_id,label\n" + "\n".join(f"{i},paid" for i in ids))
    assert office.json("otto", "decision", "tell", str(file)) == {"kept": 2}
    assert "2 outcomes are kept" in office.run("otto", "decision", "tell", str(file)).stdout
    assert "did you mean" in office.refused(
        "otto", "decision", "tell", str(file), "--as", "events_"
    )
    assert "row 1" in office.refused("otto", "decision", "tell", str(file), "--as", "actions")
    assert "iris is" in office.refused("iris", "decision", "tell", str(file))
    assert "No decision" in office.run("otto", "decision", "subject", "nobody").stdout
    audit = ("decision", "audit", "income", str(tmp_path / "audit.parquet"), "--reason", "yearly")
    assert "may not read_protected" in office.refused("otto", *audit)
    nothing = office.run("iris", *audit, "--since", "7d")
    assert (nothing.returncode, nothing.stdout.count("\n")) == (0, 1)
    assert "no file was written" in nothing.stdout
    assert not (tmp_path / "audit.parquet").exists()
    assert "--since 'once' is no time" in office.refused("iris", *audit, "--since", "once")
    erase = ("decision", "erase", "nobody", "--reason", "asked")
    assert office.json("otto", *erase, "--yes")["decisions"] == 0
    assert "No decision was shipped" not in office.run("otto", "decision", "compact").stdout


def test_reading_commands_print_one_document_or_a_sentence(office: Office) -> None:
    office.run("ada", "apply", "-f", str(office.folder / "ada"))
    for words in (
        ("whoami",), ("rollout", "status"), ("slo", "status", "income"), ("incident", "list"),
        ("decision", "list", "income"), ("audit", "show"), ("versions",),
    ):  # fmt: skip
        words = ("identity", *words) if words == ("whoami",) else words
        office.json("iris", *words)
        told = office.run("iris", *words)
        assert told.returncode == 0
        assert told.stderr == ""
    assert "No rollout yet" in office.run("iris", "rollout", "status").stdout
    assert "No incident so far" in office.run("iris", "incident", "list").stdout


def test_what_is_not_there_or_not_allowed_is_one_line(office: Office) -> None:
    assert "no version 'income@77'" in office.refused("ada", "gate", "income@77")
    assert "is not a Seawall id" in office.refused("iris", "decision", "show", "42")
    office.run("ada", "apply", "-f", str(office.folder / "ada"))
    for words in (
        ("monitor", "status", "incone"), ("slo", "status", "incone"),
        ("decision", "list", "incone"), ("rollout", "status", "incone"),
        ("gateway", "list", "--endpoint", "incone"),
    ):  # fmt: skip
        line = office.refused("iris", *words)
        assert "there is no endpoint 'incone'" in line
        assert "did you mean 'income'?" in line
    assert "did you mean 'income'?" in office.refused("iris", "versions", "incone")
    assert "No entry of 'incone'" in office.run("iris", "audit", "show", "incone").stdout
    assert "kind 'Modl' is unknown" in office.refused("iris", "get", "Modl")
    assert "may not" in office.refused("iris", "reject", "income@1", "--reason", "no")
    assert "it needs" in office.refused("ada", "audit", "show")
    assert "no role 'boss'" in office.refused("administrator", "identity", "add", "x",
                                              "--role", "boss")  # fmt: skip


def test_a_reason_is_printed_as_it_was_written(office: Office) -> None:
    office.run("ada", "apply", "-f", str(office.folder / "ada"))
    fitted_differently = office.folder / "other.onnx"
    matrix = np.array([[20, 40], [80, 40]], np.float32)
    other = LogisticRegression().fit(matrix, [0, 1])
    fitted_differently.write_bytes(export(other, matrix).artefact)
    words = registering(office)
    words[2] = str(fitted_differently)
    key = office.json("ada", *words)["version"]
    done = office.run("abel", "reject", key, "--reason", "see [/x] and [red]")
    assert (done.returncode, done.stdout) == (0, f"{key} is rejected: see [/x] and [red]\n")


def test_an_identity_is_added_signs_in_and_is_told_who_it_is(office: Office) -> None:
    added = office.json("administrator", "identity", "add", "dora", "--role", "developer")
    office.tokens["dora"] = added["token"]
    assert office.run("dora", "identity", "whoami").stdout == "dora: developer\n"
    link = office.json("administrator", "identity", "link", "dora")
    assert link["link"] == f"{office.served.url}/login?ticket={link['ticket']}"
    claimed = seawall("identity", "claim", link["ticket"], env={"SEAWALL_URL": office.served.url})
    assert claimed.stdout.startswith("export SEAWALL_TOKEN=swl_")
    again = seawall("identity", "claim", link["ticket"], env={"SEAWALL_URL": office.served.url})
    assert (again.returncode, "was used" in again.stderr) == (2, True)


def test_the_audit_log_is_verified_here_and_exported_for_others(
    office: Office, tmp_path: Path
) -> None:
    assert office.json("iris", "audit", "verify")["ok"] is True
    assert office.run("iris", "audit", "checkpoint").stdout.startswith("seawall/audit\n")
    copy = tmp_path / "copy"
    told = office.json("iris", "audit", "export", str(copy))
    key = (copy / "key").read_text(encoding="utf-8").strip()
    assert office.run("iris", "audit", "key").stdout.strip() == key
    report = verify(copy, key)
    assert (report.ok, report.size) == (True, told["size"])
    assert "is not empty" in office.refused("iris", "audit", "export", str(copy))
    bundle = next(p for p in sorted((copy / "tile" / "entries").rglob("*")) if p.is_file())
    altered = bytearray(bundle.read_bytes())
    altered[len(altered) // 2] ^= 1
    bundle.write_bytes(altered)
    done = seawall("audit", "verify", str(copy), "--key", key)
    assert done.returncode == 1
    assert done.stderr == ""


def test_doctor_knows_the_control_plane_and_who_asks(office: Office) -> None:
    checks = {c["name"]: c for c in office.json("otto", "doctor")["checks"]}
    assert checks["control plane"]["ok"] is True
    assert "as otto (operator)" in checks["control plane"]["said"]
