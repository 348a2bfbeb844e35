"""What counts as conformant, and the template that is filled without a word of it being changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.conformance.product import TemplateError, notes, product, status
from policies.conformance.requirements import (
    ENVIRONMENTS,
    REQUIREMENTS,
    VERSIONS,
    Device,
    Layer,
    Level,
    known,
    of_version,
)
from policies.conformance.result import (
    Outcome,
    Result,
    broken,
    complete,
    conformant,
    record,
    verdict,
)
from policies.conformance.transcript import LONGEST, Entry, Heading, Note, Step, sha256, text
from tools.paths import REPO

IDS = [each.id for each in REQUIREMENTS]
OUTCOMES, DEVICES = st.sampled_from(Outcome), st.sampled_from(Device)


def result(id_: str, outcome: Outcome, device: Device = Device.NONE, reason: str = "") -> Result:
    return Result(id=id_, outcome=outcome, device=device, reason=reason, evidence=f"{id_}.md")


def all_real(version: str) -> list[Result]:
    return [result(each.id, Outcome.IMPLEMENTED, Device.REAL) for each in of_version(version)]


# --- requirements -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "musts", "shoulds"),
    [("1.34", 9, 0), ("1.35", 9, 3), ("1.36", 8, 6), ("1.37", 8, 7)],
)
def test_every_version_asks_for_what_it_does(version: str, musts: int, shoulds: int) -> None:
    levels = Counter(each.levels[version] for each in of_version(version))
    assert (levels[Level.MUST], levels[Level.SHOULD]) == (musts, shoulds)


def test_a_version_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1\.33"):
        of_version("1.33")


@pytest.mark.parametrize("id_", IDS)
def test_every_requirement_has_a_test_an_owner_and_a_meaning(id_: str) -> None:
    assert (REPO / "tests" / "conformance" / f"test_{id_}.py").is_file()
    found = known(id_)
    assert set(found.layers) == set(ENVIRONMENTS)
    assert set(found.levels) <= set(VERSIONS)
    assert found.meaning.endswith(".")


def test_every_test_is_of_a_requirement() -> None:
    tests = {path.stem for path in (REPO / "tests" / "conformance").glob("test_*.py")}
    assert tests == {f"test_{id_}" for id_ in IDS}
    assert len(IDS) == len(set(IDS))


@pytest.mark.parametrize("id_", IDS)
def test_every_test_says_that_it_needs_a_cluster(id_: str) -> None:
    said = (REPO / "tests" / "conformance" / f"test_{id_}.py").read_text()
    assert "pytestmark = [pytest.mark.live, pytest.mark.conformance]\n" in said


# --- what counts --------------------------------------------------------------------------------


@given(st.sampled_from(REQUIREMENTS), OUTCOMES, DEVICES, st.text(max_size=5))
def test_nothing_simulated_is_conformant_where_a_real_device_is_needed(
    requirement: Any, outcome: Outcome, device: Device, reason: str
) -> None:
    found = result(requirement.id, outcome, device, reason)
    if not conformant(requirement, found):
        return
    assert outcome in (Outcome.IMPLEMENTED, Outcome.NOT_APPLICABLE)
    if outcome is Outcome.IMPLEMENTED and requirement.needs is Device.REAL:
        assert device is Device.REAL


@pytest.mark.parametrize(
    ("id_", "device", "counts"),
    [
        ("gang_scheduling", Device.NONE, True),
        ("pod_autoscaling", Device.NONE, False),
        ("pod_autoscaling", Device.SIMULATED, True),
        ("secure_accelerator_access", Device.SIMULATED, False),
        ("secure_accelerator_access", Device.REAL, True),
    ],
)
def test_a_result_counts_by_its_device(id_: str, device: Device, counts: bool) -> None:
    found = result(id_, Outcome.IMPLEMENTED, device)
    assert conformant(known(id_), found) is counts
    assert (verdict(known(id_), found) == "conformant") is counts


def test_what_does_not_apply_has_to_say_why() -> None:
    requirement = known("cluster_autoscaling")
    assert not conformant(requirement, result(requirement.id, Outcome.NOT_APPLICABLE))
    assert conformant(requirement, result(requirement.id, Outcome.NOT_APPLICABLE, reason="so"))


def test_kind_owes_the_musts_that_need_no_real_device() -> None:
    nothing = complete("1.37", (), "nobody asked")
    fallen = {each.id for each in broken("1.37", nothing, "kind")}
    assert fallen == {
        "ai_inference",
        "gang_scheduling",
        "pod_autoscaling",
        "ai_service_metrics",
        "robust_controller",
    }
    assert {each.id for each in broken("1.34", nothing[:0], "kind")} == set()
    older = {each.id for each in broken("1.34", complete("1.34", (), "-"), "kind")}
    assert older == fallen | {"dra_support"}


def test_a_cloud_owes_every_must() -> None:
    nothing = complete("1.37", (), "nobody asked")
    assert len(broken("1.37", nothing, "eks")) == 8
    assert broken("1.37", all_real("1.37"), "eks") == []


def test_what_fails_on_a_simulated_device_is_a_fault_on_kind_too() -> None:
    found = all_real("1.37")
    at = [each.id for each in found].index("secure_accelerator_access")
    found[at] = result(found[at].id, Outcome.IMPLEMENTED, Device.SIMULATED)
    assert broken("1.37", found, "kind") == []
    found[at] = result(found[at].id, Outcome.FAILED, Device.SIMULATED, "two devices were seen")
    assert [each.id for each in broken("1.37", found, "kind")] == ["secure_accelerator_access"]
    should = [result(each.id, Outcome.FAILED) for each in of_version("1.37")
              if each.levels["1.37"] is Level.SHOULD]  # fmt: skip
    assert broken("1.37", should, "kind") == []


@given(st.sampled_from(IDS), OUTCOMES, DEVICES, st.text())
def test_a_result_comes_back_from_a_file(
    id_: str, outcome: Outcome, device: Device, reason: str
) -> None:
    found = result(id_, outcome, device, reason)
    assert Result.of(json.loads(json.dumps(found.data()))) == found


def test_the_record_says_of_every_requirement_what_it_comes_to() -> None:
    found = complete("1.37", [result("gang_scheduling", Outcome.IMPLEMENTED)], "nobody asked")
    told = record(
        "1.37", found, stack="kind", environment="kind", date="2026-01-01", versions={"cnai": "1"}
    )
    rows = {row["id"]: row for row in told["results"]}
    assert list(rows) == [each.id for each in of_version("1.37")]
    assert rows["gang_scheduling"]["conformant"]
    assert rows["robust_controller"]["outcome"] == "not-run"
    assert told["counts"] == {
        "MUST": {"all": 8, "conformant": 1},
        "SHOULD": {"all": 7, "conformant": 0},
    }
    assert not told["conformant"]
    assert json.loads(json.dumps(told)) == told
    whole = record("1.34", all_real("1.34"), stack="a", environment="eks", date="", versions={})
    assert whole["conformant"]


# --- the program's template ---------------------------------------------------------------------


def template(version: str, change: Callable[[dict[str, Any]], None] = lambda _: None) -> str:
    """A template of the program's form, with texts of the tests' own."""
    as_list = version == "1.37"
    entries = [
        {
            "id": each.id,
            "description": f'Text of {each.id}: it\'s "said", and has a colon. ' + "long " * 60,
            "level": str(each.levels[version]),
            "status": "",
            "evidence": [] if as_list else "",
            "notes": "",
        }
        for each in of_version(version)
    ]
    document: dict[str, Any] = {
        "metadata": {"kubernetesVersion": f"v{version}", "platformName": "[Platform Name]"},
        "spec": {"first": entries[:3], "second": entries[3:]},
    }
    change(document)
    head = "# A comment of the program.\n"
    return head + yaml.safe_dump(document, sort_keys=False, width=10_000)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_template_is_filled_and_keeps_its_words(version: str) -> None:
    before, written = template(version), product(
        template(version), version, "kind", complete(version, (), "nobody asked")
    )  # fmt: skip
    assert written.startswith("# A comment of the program.\n")
    told, filled = yaml.safe_load(before), yaml.safe_load(written)
    assert told["metadata"] == filled["metadata"]
    for group, entries in told["spec"].items():
        for old, new in zip(entries, filled["spec"][group], strict=True):
            for field in ("id", "description", "level"):
                assert new[field] == old[field]
                # To the letter, quotes and all.
                assert next(line for line in before.splitlines() if old["id"] in line) in written
            assert new["status"] == "Not Implemented"
            assert type(new["evidence"]) is type(old["evidence"])
            assert "nobody asked" in new["notes"]
            assert new["layer"] == {e: str(known(new["id"]).layers[e]) for e in ENVIRONMENTS}


def test_evidence_is_named_in_the_form_of_the_template() -> None:
    for version, expected in (("1.36", "file://{}.md"), ("1.37", ["file://{}.md"])):
        written = product(template(version), version, "eks", all_real(version))
        for entries in yaml.safe_load(written)["spec"].values():
            for entry in entries:
                want: Any = json.loads(json.dumps(expected).replace("{}", entry["id"]))
                assert entry["evidence"] == want
                assert entry["status"] == "Implemented"


@settings(max_examples=25)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"])))
def test_no_text_of_the_program_is_changed(said: str) -> None:
    def change(document: dict[str, Any]) -> None:
        document["spec"]["first"][0]["description"] = said

    try:
        written = product(template("1.37", change), "1.37", "kind", complete("1.37", (), "-"))
    except TemplateError:
        return  # refused rather than changed
    assert str(yaml.safe_load(written)["spec"]["first"][0]["description"]) == said


def _lacks(document: dict[str, Any]) -> None:
    document["spec"]["first"].pop()


def _strange(document: dict[str, Any]) -> None:
    document["spec"]["first"][0]["id"] = "quantum_support"


def _twice(document: dict[str, Any]) -> None:
    document["spec"]["second"].append(dict(document["spec"]["first"][0]))


def _level(document: dict[str, Any]) -> None:
    entry = document["spec"]["first"][0]
    entry["level"] = "SHOULD" if entry["level"] == "MUST" else "MUST"


def _version(document: dict[str, Any]) -> None:
    document["metadata"]["kubernetesVersion"] = "v1.99"


def _no_spec(document: dict[str, Any]) -> None:
    document["spec"] = []


def _no_list(document: dict[str, Any]) -> None:
    document["spec"]["first"] = {"id": "x"}


def _no_metadata(document: dict[str, Any]) -> None:
    del document["metadata"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_lacks, "lacks"),
        (_strange, "quantum_support"),
        (_twice, "twice"),
        (_level, "in the template"),
        (_version, r"1\.99"),
        (_no_spec, "no `spec`"),
        (_no_list, r"spec\.first"),
        (_no_metadata, "none"),
    ],
)
def test_a_template_that_does_not_fit_is_refused(
    change: Callable[[dict[str, Any]], None], said: str
) -> None:
    with pytest.raises(TemplateError, match=said):
        product(template("1.37", change), "1.37", "kind", complete("1.37", (), "-"))


@pytest.mark.parametrize("said", ["", "just a text", "- a\n- list\n", "a: [1", "\t", "null"])
def test_what_is_no_template_at_all_is_refused(said: str) -> None:
    with pytest.raises(TemplateError):
        product(said, "1.37", "kind", complete("1.37", (), "-"))


def test_what_was_seen_on_a_simulated_device_is_not_called_implemented() -> None:
    requirement = known("secure_accelerator_access")
    seen = result(requirement.id, Outcome.IMPLEMENTED, Device.SIMULATED, "one of two was seen")
    assert status(requirement, seen) == "Partially Implemented"
    said = notes(requirement, seen, "kind")
    assert "needs a real one" in said
    assert "one of two was seen." in said
    assert "Layer on kind: platform." in said


# --- evidence -----------------------------------------------------------------------------------


def evidence(id_: str, device: Device, entries: list[Entry]) -> str:
    heading = Heading(
        requirement=known(id_),
        program="1.37",
        stack="kind",
        environment="kind",
        began="2026-01-01T00:00:00Z",
        ended="2026-01-01T00:01:00Z",
        versions={"Kubernetes": "v1|37"},
    )
    return text(heading, Outcome.IMPLEMENTED, device, "it was so", entries)


def test_evidence_shows_commands_outputs_times_and_digests() -> None:
    step = Step(at="12:00", command="kubectl get pods", output="none\n", given="a: 1", waited=7)
    said = evidence("gang_scheduling", Device.NONE, [Note("Two pods:"), step])
    for part in (
        "`gang_scheduling` (MUST in 1.37)",
        "Two pods:",
        "$ kubectl get pods",
        "a: 1",
        "12:00, after 7 s, exit code 0",
        sha256("none\n"),
        "| Kubernetes | v1\\|37 |",
        "2026-01-01T00:01:00Z",
    ):
        assert part in said
    assert "is no evidence" not in said


def test_evidence_of_a_lesser_device_says_that_it_is_none() -> None:
    said = evidence("secure_accelerator_access", Device.SIMULATED, [])
    assert "is no evidence for conformance" in said


def test_an_output_cannot_end_its_block() -> None:
    output = "```\n# forged heading\n````\n"
    said = evidence("gang_scheduling", Device.NONE, [Step(at="", command="x", output=output)])
    assert "`````text\n" in said


def test_a_long_output_is_cut_and_its_digest_is_not() -> None:
    output = "x" * (LONGEST + 10)
    said = evidence("gang_scheduling", Device.NONE, [Step(at="", command="x", output=output)])
    assert "10 characters more" in said
    assert sha256(output) in said


def test_a_layer_is_one_of_three() -> None:
    assert {layer for each in REQUIREMENTS for layer in each.layers.values()} <= set(Layer)
