from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.adapters.declared import read, sources
from seawall.kernel import BadInput, NotFound, Rule
from seawall.policy.policy import Policy
from seawall.registry.model import Model
from seawall.validation.plan import ValidationPlan

KINDS = {"Model": Model, "Policy": Policy, "ValidationPlan": ValidationPlan}
MODEL = """\
apiVersion: seawall/v1
kind: Model
metadata: {name: income}
spec:
  owner: mara
  tier: high
  purpose: screen applications
"""


def declare(tmp_path: Path, text: str, name: str = "objects.yaml") -> Path:
    path = tmp_path / name
    path.write_text(dedent(text))
    return path


def error(tmp_path: Path, text: str) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read(declare(tmp_path, text), KINDS)
    assert "\n" not in str(caught.value)
    return caught.value


def test_several_documents_of_one_file_become_typed_objects_in_order(tmp_path: Path) -> None:
    text = (
        MODEL
        + """\
---
# a comment and an empty document are nothing
---
apiVersion: seawall/v1
kind: Policy
metadata: {name: standard}
spec:
  gates:
    - to: production
      rules:
        - name: ranks well
          require: {measure: roc_auc, at_least: 0.8}
"""
    )
    model, policy = read(declare(tmp_path, text), KINDS)
    assert (model.kind, policy.kind) == ("Model", "Policy")
    assert model.value == Model(
        name="income", owner="mara", tier="high", purpose="screen applications"
    )
    assert isinstance(policy.value, Policy)
    assert policy.value.gates[0].rules[0].require == Rule("roc_auc", at_least=0.8)
    assert policy.source.where().endswith("objects.yaml:11")


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    declare(tmp_path, MODEL.replace("income", "b"), "2.yml")
    declare(tmp_path, MODEL.replace("income", "a"), "1.yaml")
    declare(tmp_path, "no yaml: [", "notes.txt")
    assert [d.value.key for d in read(tmp_path, KINDS)] == ["a", "b"]


def test_an_unknown_kind_names_its_line_and_the_nearest(tmp_path: Path) -> None:
    fault = error(tmp_path, MODEL.replace("kind: Model", "kind: Modle"))
    assert fault.where.endswith("objects.yaml:2")
    assert fault.remedy == "did you mean 'Model'?"


def test_an_unknown_field_names_its_line_and_the_nearest(tmp_path: Path) -> None:
    fault = error(tmp_path, MODEL.replace("purpose:", "porpose:"))
    assert fault.what == "'porpose' is no field here"
    assert fault.where.endswith("objects.yaml:7, spec.porpose")
    assert fault.remedy == "did you mean 'purpose'?"


def test_an_unknown_field_deep_inside_is_found_by_its_own_type(tmp_path: Path) -> None:
    fault = error(
        tmp_path,
        """\
        apiVersion: seawall/v1
        kind: Policy
        metadata: {name: standard}
        spec:
          gates:
            - to: production
              rules:
                - name: ranks well
                  require:
                    measure: roc_auc
                    at_lest: 0.8
        """,
    )
    assert fault.where.endswith("objects.yaml:11, spec.gates[0].rules[0].require.at_lest")
    assert fault.remedy == "did you mean 'at_least'?"


def test_a_missing_field_names_what_to_add(tmp_path: Path) -> None:
    fault = error(tmp_path, MODEL.replace("  owner: mara\n", ""))
    assert fault.what == "'owner' is missing"
    assert fault.remedy == "add owner: …"


def test_a_value_that_is_none_of_the_choices_names_the_nearest(tmp_path: Path) -> None:
    fault = error(tmp_path, MODEL.replace("tier: high", "tier: hgih"))
    assert fault.where.endswith("objects.yaml:6, spec.tier")
    assert fault.remedy == "did you mean 'high'?"


def test_a_value_of_the_wrong_type_names_its_line(tmp_path: Path) -> None:
    fault = error(tmp_path, MODEL.replace("owner: mara", "owner: 7"))
    assert fault.what == "Expected `str`, got `int`"
    assert fault.where.endswith("objects.yaml:5, spec.owner")


def test_a_rule_of_the_type_itself_is_told_with_its_line(tmp_path: Path) -> None:
    fault = error(
        tmp_path,
        """\
        apiVersion: seawall/v1
        kind: ValidationPlan
        metadata: {name: income}
        spec:
          label: ESR
          owner: mara
          quality:
            - {measure: f1, at_least: 0.5}
            - {measure: roc_auc, at_least: 0.5, at_most: 0.9}
        """,
    )
    assert "needs exactly one finite of" in fault.what
    assert fault.where.endswith("objects.yaml:9, spec.quality[1]")


def test_an_error_of_ours_gets_the_place_of_its_document(tmp_path: Path) -> None:
    fault = error(tmp_path, MODEL.replace("name: income", "name: In/come"))
    assert "cannot name a model" in fault.what
    assert fault.where.endswith("objects.yaml:1")


def test_a_kind_may_be_read_by_a_function_of_the_whole_document(tmp_path: Path) -> None:
    def read_slo(document) -> Model:
        return Model(name=document["metadata"]["name"], owner="x", tier="low", purpose="p")

    path = declare(tmp_path, "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: a}\n")
    assert read(path, {"SLO": read_slo})[0].value.key == "a"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("seawall/v1", "seawall/v2"), "apiVersion 'seawall/v2' is unknown"),
        (("spec:", "specs:"), "'specs' is no part of a document"),
        (("{name: income}", "{}"), "no metadata.name"),
        (("  owner: mara", "  owner: mara\n  owner: bo"), "'owner' is given twice"),
        (("  owner: mara", "  name: other"), "the name stands in metadata"),
        (("  owner: mara", "  owner: [mara"), "not YAML"),
        (("  owner: mara", "  owner: !!python/object:os.system x"), "not YAML"),
    ],
)
def test_each_fault_of_a_document_is_one_clear_line(tmp_path: Path, change, says: str) -> None:
    fault = error(tmp_path, MODEL.replace(*change))
    assert says in fault.what
    assert "objects.yaml:" in fault.where


def test_a_document_that_is_no_mapping_and_bytes_that_are_no_text_are_refused(tmp_path) -> None:
    assert "is a mapping" in error(tmp_path, "- a\n- b\n").what
    (tmp_path / "objects.yaml").write_bytes(b"kind: \xff\xfe")
    with pytest.raises(BadInput, match="not UTF-8"):
        sources(tmp_path)


def test_aliases_that_explode_or_contain_themselves_are_refused(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
    )
    assert "expands to over" in error(tmp_path, bomb).what
    assert "contains itself" in error(tmp_path, "a: &a [*a]\n").what


def test_an_alias_used_twice_is_fine(tmp_path: Path) -> None:
    text = MODEL + "  consumers: &c [app]\n  approved_uses: *c\n"
    (declared,) = read(declare(tmp_path, text), KINDS)
    assert declared.value.approved_uses == ("app",)


def test_a_missing_file_and_an_empty_folder_are_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        sources(tmp_path / "absent.yaml")
    with pytest.raises(NotFound):
        sources(tmp_path)


@pytest.mark.parametrize("word", ["on", "no", "yes", "trueish", "false-start", "y"])
def test_words_that_only_resemble_booleans_are_text(tmp_path: Path, word: str) -> None:
    (declared,) = read(declare(tmp_path, MODEL.replace("mara", word)), KINDS)
    assert declared.value.owner == word


@pytest.mark.parametrize("value", ["2026-13-45", "!!bool maybe", "!!float x", "!!int z"])
def test_a_value_that_yaml_cannot_build_is_bad_input(tmp_path: Path, value: str) -> None:
    fault = error(tmp_path, MODEL.replace("mara", value))
    assert "is not what it looks like" in fault.what
    assert fault.remedy == "quote it to make it text"


def test_dates_in_yaml_are_read_as_times(tmp_path: Path) -> None:
    (declared,) = read(declare(tmp_path, MODEL + "  created: 2026-03-01T00:00:00Z\n"), KINDS)
    assert declared.value.created == datetime(2026, 3, 1, tzinfo=UTC)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_in_one_line(tmp_path_factory, text: str) -> None:
    path = tmp_path_factory.mktemp("d") / "x.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    said = ""
    try:
        read(path, KINDS)
    except BadInput as fault:
        said = str(fault)
    assert "\n" not in said
