"""An in-toto statement that binds a validation report to the artefact's digest.

Source: in-toto Attestation Framework, Statement v1. Signing it (DSSE) is an adapter's work.
"""

from __future__ import annotations

from typing import Any

from seawall.kernel import to_json
from seawall.registry.version import Version
from seawall.validation.report import ValidationReport

PAYLOAD_TYPE = "application/vnd.in-toto+json"
PREDICATE_TYPE = "https://seawall.dev/validation/v1"


def statement(report: ValidationReport, version: Version) -> dict[str, Any]:
    """The statement as JSON-ready values: its subject is the artefact, its predicate the report."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {
                "name": version.artefact.name or version.key,
                "digest": {"sha256": report.artefact.hex},
            }
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "version": report.version,
            "outcome": report.verdict.outcome.value,
            "report": {"digest": {"sha256": report.digest.hex}},
            "plan": {"digest": {"sha256": report.plan.hex}},
            "data": {"digest": {"sha256": report.data.hex}},
            "author": report.author,
            "validator": report.validator,
            "time": report.time.isoformat(),
        },
    }


def statement_bytes(report: ValidationReport, version: Version) -> bytes:
    """The statement as JSON with sorted keys: the payload to sign."""
    return to_json(statement(report, version))
