"""Where commands write: files that cannot be, standard output, what may not be written over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from seawall.cli.files import check_new, check_place, write_bytes
from seawall.cli.main import app
from seawall.kernel import BadInput


@pytest.fixture
def table(tmp_path: Path) -> str:
    rng = np.random.default_rng(1)
    label = rng.integers(0, 2, 400)
    columns = {"y": label, "score": np.clip(0.3 + 0.4 * label + rng.normal(0, 0.1, 400), 0, 1)}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    return str(tmp_path / "t.parquet")


def test_a_report_goes_to_standard_output_alone_for_a_dash(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    words = ["evaluate", table, "--label", "y", "--score", "score"]
    done = CliRunner().invoke(app, [*words, "--md", "-"])
    assert done.stdout.startswith("# ")
    assert "ROC AUC" in done.stdout
    assert not Path("-").exists()
    both = CliRunner().invoke(app, [*words, "--md", "-", "--json"])
    assert "one document goes to standard output" in str(both.exception)


def test_a_file_that_cannot_be_is_one_line(tmp_path: Path):
    with pytest.raises(BadInput, match="is a folder; name a file in it"):
        check_place(tmp_path)
    with pytest.raises(BadInput, match=r"there is no folder .*; make it first"):
        check_place(tmp_path / "no" / "x")
    with pytest.raises(BadInput, match=r"cannot write .*: No such file or directory"):
        write_bytes(tmp_path / "no" / "x", b"")


def test_what_may_hold_somebodys_work_is_not_written_over(table: str, tmp_path: Path):
    written = tmp_path / "signature.yaml"
    written.write_text("reviewed")
    done = CliRunner().invoke(app, ["signature", "infer", table, "-o", str(written)])
    assert "is there already" in str(done.exception)
    assert written.read_text() == "reviewed"
    with pytest.raises(BadInput, match="name a new one"):
        check_new(written)
