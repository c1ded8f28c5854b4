"""Register a model's file that was trained elsewhere, with the table it was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seawall.kernel import BadInput
from seawall.sdk.client import Client
from seawall.sdk.remote import SUFFIXES, read_remote
from seawall.sdk.training import training_run
from seawall.serving.remote import FORMAT


def register_file(
    client: Client,
    model: str,
    artefact: Path,
    *,
    data: Path,
    label: str,
    features: tuple[str, ...],
) -> dict[str, Any]:
    """Upload the artefact with the signature and baseline inferred from its training table.

    Its format is told by its name: `.onnx`, `.ubj` and `.json` (XGBoost), `.txt` (LightGBM),
    `.skops`. A `.yaml` (`kind: RemoteModel`) tells where a model runs, which is then asked for the
    scores of the training table.
    """
    from seawall.adapters.runtimes import format_of
    from seawall.adapters.tables import read_table

    if artefact.suffix.lower() in SUFFIXES:
        content, format_ = read_remote(artefact).to_bytes(), FORMAT
    else:
        content, format_ = _bytes(artefact), format_of(artefact)
    columns = read_table(data, [*features, label])
    with training_run(model, client, data={"train": data}) as run:
        run.save_artefact(content, columns, features=features, label=label, format=format_)
    return {"version": run.version}


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"the artefact cannot be read: {error.strerror}", where=str(path)) from error
