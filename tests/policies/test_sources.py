from __future__ import annotations

from policies.plain import UNKNOWN
from policies.sources import MARK, of_objects, of_preview, of_state, own, token

URN = "urn:pulumi:kind::cnai::cnai:index:Addon$kubernetes:core/v1:ConfigMap::mlflow/configmap/a"
ONLY_UP_KNOWS = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def entry(**more: object) -> dict[str, object]:
    return {"urn": URN, "type": "kubernetes:core/v1:ConfigMap", **more}


def test_a_state_gives_inputs_in_which_secrets_are_not_known() -> None:
    inputs = {
        "data": {"a": "x", "b": {MARK: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1"}}
    }
    going = entry(inputs=inputs, delete=True)
    state = {"deployment": {"resources": [entry(inputs=inputs, protect=True), going]}}
    (found,) = of_state(state)
    assert found.props == {"data": {"a": "x", "b": UNKNOWN}}
    assert (found.type, found.name) == ("kubernetes:core/v1:ConfigMap", "mlflow/configmap/a")
    assert found.protect


def test_ids_are_those_that_were_recorded() -> None:
    vpc = {"urn": "urn:pulumi:prod::cnai::aws:ec2/vpc:Vpc::main", "type": "aws:ec2/vpc:Vpc"}
    entries = [{**vpc, "id": "vpc-1"}, vpc, {**vpc, "id": ""}, {**vpc, "id": ONLY_UP_KNOWS}]
    ids = ["vpc-1", None, None, None]
    assert [r.id for r in of_state({"deployment": {"resources": entries}})] == ids
    events = [{"resourcePreEvent": {"metadata": {"new": entry}}} for entry in entries]
    assert [r.id for r in of_preview(events)] == ids


def test_no_state_has_no_resources() -> None:
    assert of_state({"deployment": None}) == []


def test_a_preview_gives_what_is_wanted_and_not_what_goes() -> None:
    inputs = {"data": {"a": ONLY_UP_KNOWS, "b": ["x", ONLY_UP_KNOWS]}}
    created = {"resourcePreEvent": {"metadata": {"op": "create", "new": entry(inputs=inputs)}}}
    deleted = {"resourcePreEvent": {"metadata": {"op": "delete", "old": entry()}}}
    (found,) = of_preview([created, deleted, {"diagnosticEvent": {}}])
    assert found.props == {"data": {"a": UNKNOWN, "b": ["x", UNKNOWN]}}
    assert found.protect is False


def test_objects_have_the_types_of_the_provider() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "b"}}
    (found,) = of_objects([pod])
    assert (found.type, found.name, found.namespace) == ("kubernetes:core/v1:Pod", "b/a", "b")
    assert token("batch/v1", "Job") == "kubernetes:batch/v1:Job"
    assert found.protect is None


def test_what_a_controller_made_is_judged_by_what_it_made_it_of() -> None:
    job = {"kind": "Job", "metadata": {"name": "job", "uid": "1"}}
    pod = {"kind": "Pod", "metadata": {"ownerReferences": [{"uid": "1", "controller": True}]}}
    assert own([job, pod]) == [job]


def test_an_owner_that_is_only_written_down_hides_nothing() -> None:
    pod = {"kind": "Pod", "metadata": {"ownerReferences": [{"uid": "9", "controller": True}]}}
    other = {"kind": "Pod", "metadata": {"ownerReferences": [{"uid": "1"}]}}
    job = {"kind": "Job", "metadata": {"name": "job", "uid": "1"}}
    assert own([job, pod, other]) == [job, pod, other]
