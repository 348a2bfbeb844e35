"""The twins of rules at admission: what each has to say. What they decide is in tests/live."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.labels import TENANT
from policies import cel
from policies.catalog import ADMISSION, HERE, Framework, Rule, Scope, Severity, rules
from policies.ground import Ground, Resource
from policies.guards import API, BINDING, POLICY, filled, manifests, native
from policies.rules import models
from policies.rules.supply_chain import fixed_image_tags, known_registries
from policies.verdict import Outcome
from stacks.compliance import guards, operators
from stacks.settings import load
from tests.admission import ASKING, CASES, GROUND, GUARDED, STATIC, cases

IN_TEAMS = {"matchExpressions": [{"key": TENANT, "operator": "Exists"}]}
EVERYWHERE = {"CNAI-NET-002", "CNAI-TEN-009", "CNAI-TEN-010"}
"""Rules whose twins hold in all namespaces: others would stop what is not a team's."""
HELD = guards(load({}))
OF_KYVERNO = [guard for guard in HELD if guard["apiVersion"] == "policies.kyverno.io/v1"]
RULE = Rule(
    id="CNAI-XXX-999",
    title="Title",
    severity=Severity.LOW,
    scope=Scope.TEAM,
    frameworks=(Framework("f", "1", "r"),),
    rationale="Why.",
    remedy="Mend it.",
)


def policy(said: dict[str, Any], ground: Ground = GROUND) -> dict[str, Any]:
    made, binding = native(RULE, said, ground)
    assert (made["kind"], binding["kind"]) == (POLICY, BINDING)
    spec: dict[str, Any] = made["spec"]
    return spec


@pytest.mark.parametrize("guard", OF_KYVERNO, ids=lambda guard: guard["metadata"]["name"])
def test_it_holds_for_teams_whether_kyverno_is_up_or_not(guard: dict[str, Any]) -> None:
    spec = guard["spec"]
    name = guard["metadata"]["name"]
    assert name.upper() in {rule.id for rule in rules()}
    selected = spec["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert selected == [{"key": TENANT, "operator": "Exists"}]
    # What Kyverno turns into a native policy is decided on without it.
    assert spec["autogen"]["validatingAdmissionPolicy"]["enabled"] is True
    assert not spec["autogen"]["podControllers"]["controllers"]
    assert spec["validationActions"] == ["Deny"]
    for validation in spec["validations"]:
        assert validation["message"].startswith(f"{name.upper()}: ")
    for rule in spec["matchConstraints"]["resourceRules"]:
        assert "*" not in rule["apiVersions"], "reports need the version"


def test_each_twin_is_of_a_rule_and_has_cases() -> None:
    files = {file.stem.upper() for folder in ADMISSION for file in folder.glob("*.yaml")} - ASKING
    assert files == {rule.id for rule in GUARDED}
    assert {file.name.split(".")[0] for file in CASES.glob("*.yaml")} == files
    for rule in GUARDED:
        good = [case.good for case in cases([rule])]
        assert good.count(True) >= 1, rule.id
        assert good.count(False) >= 2, rule.id


def test_each_case_says_what_is_asked_for() -> None:
    for case in (*cases(), *cases(folder=STATIC)):
        assert ("object" in case.said) != ("before" in case.said), case
        assert not case.said.keys() - {
            "why",
            "object",
            "before",
            "change",
            "path",
            "operation",
            "as",
        }
        assert case.said["why"]
        if "before" in case.said:
            assert ("change" in case.said) != (case.said.get("operation") == "DELETE"), case
        assert len(case.shown["metadata"]["name"]) <= 63


@pytest.mark.parametrize(
    "rule", [r for r in GUARDED if r.twin and r.twin.parent.name == "admission"], ids=lambda r: r.id
)
def test_a_native_twin_denies_by_its_rule(rule: Rule) -> None:
    made, binding = manifests(rule, GROUND)
    spec = made["spec"]
    assert binding["spec"]["policyName"] == made["metadata"]["name"]
    assert binding["spec"]["validationActions"] == ["Deny"]
    assert spec["failurePolicy"] == "Fail"
    for validation in spec["validations"]:
        assert validation["message"].startswith(f"{rule.id}: ")
    where = spec["matchConstraints"].get("namespaceSelector")
    assert where == (None if rule.id in EVERYWHERE else IN_TEAMS)
    for resources in spec["matchConstraints"]["resourceRules"]:
        assert "*" not in resources["apiVersions"] + resources["apiGroups"]
        # What would let a thing in by another way is asked about as well.
        if "pods" in resources["resources"]:
            assert "pods/ephemeralcontainers" in resources["resources"]
    assert "${" not in str(made)


def test_what_keeps_our_own_guards_is_read_from_a_disk() -> None:
    (plugin,) = yaml.safe_load((HERE / "static" / "admission.yaml").read_text())["plugins"]
    assert plugin["name"] == POLICY
    assert plugin["configuration"]["staticManifestsDir"].endswith("/policies")
    guard = HERE / "static" / "policies" / "cnai-ten-010.yaml"
    made, binding = yaml.safe_load_all(guard.read_text())
    name = made["metadata"]["name"]
    assert (made["kind"], binding["kind"]) == (POLICY, BINDING)
    assert binding["metadata"]["name"] == binding["spec"]["policyName"] == name
    # The API server takes no such name from anybody else.
    assert name.endswith(".static.k8s.io")
    (validation,) = made["spec"]["validations"]
    (rule,) = [rule for rule in rules() if rule.id == "CNAI-TEN-010"]
    assert validation["message"] == f"{rule.id}: {rule.title}. {rule.remedy}"
    for group in cel.ADMINISTRATORS:
        assert f"'{group}'" in validation["expression"]
    # It is our guards by what they are called, and by what Kyverno calls what it makes of them.
    found = re.search(r"matches[(]'([^']*)'[)]", validation["expression"])
    assert found
    for held in GUARDED:
        for thing in manifests(held, GROUND):
            name = thing["metadata"]["name"]
            assert re.search(found[1], name)
            assert re.search(found[1], f"vpol-{name}-binding")
    assert {case.good for case in cases(folder=STATIC)} == {True, False}


@pytest.mark.parametrize("said", [{}, {"pod": "true", "request": "true"}])
def test_a_twin_says_what_is_bad_of_one_or_the_other(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="CNAI-XXX-999"):
        policy(said)


def test_what_a_twin_names_is_known() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        filled("pod.x in ${nonsense}", GROUND)
    assert filled("${tenant}\n  in ${failing}", GROUND) == (
        f"r'{TENANT}' in [r'NoExecute', r'PreferNoSchedule']"
    )


def test_without_what_it_needs_there_is_no_policy() -> None:
    said = {"needs": "registries", "pod": "true"}
    assert not list(native(RULE, said, Ground(production=True)))
    assert policy(said)["variables"]


def test_several_parts_are_bad_each_by_itself() -> None:
    spec = policy({"kinds": ["jobs"], "pod": "1 == 2", "object": "3 == 4"})
    (bad,) = [v["expression"] for v in spec["variables"] if v["name"] == "bad"]
    assert "(1 == 2)" in bad
    assert bad.endswith("|| ((3 == 4)))")
    (rule,) = spec["matchConstraints"]["resourceRules"]
    assert (rule["apiGroups"], rule["resources"]) == (["batch"], ["jobs"])


def test_what_is_changed_by_other_ways_is_asked_about_there_too() -> None:
    kinds = [{"version": "v1", "resource": "namespaces", "ways": ["status"]}, "pods", "jobs"]
    namespaces, pods, jobs = policy({"kinds": kinds, "object": "true"})["matchConstraints"][
        "resourceRules"
    ]
    assert namespaces["resources"] == ["namespaces", "namespaces/status"]
    assert pods["resources"] == ["pods", "pods/ephemeralcontainers", "pods/resize"]
    assert jobs["resources"] == ["jobs"]


def test_who_the_platform_is_an_environment_may_add_to() -> None:
    said = {"request": "!${platform}", "scope": "cluster"}
    (validation,) = policy(said, Ground(platform=("admin@cloud.test",)))["validations"]
    for name in (*cel.ADMINISTRATORS, "admin@cloud.test"):
        assert f"r'{name}'" in validation["expression"]


def test_a_platform_comes_with_its_guards_and_with_whom_they_let_through() -> None:
    assert {guard["metadata"]["name"].split(".")[0] for guard in OF_KYVERNO} == {"cnai-gpu-001"}
    native = [guard for guard in HELD if guard["apiVersion"] == API]
    assert {guard["kind"] for guard in native} == {POLICY, BINDING}
    (keeper,) = [g for g in native if g["metadata"]["name"].startswith("cnai-ten-010")][:1]
    for group in ("system:serviceaccounts:cert-manager", "system:serviceaccounts:kueue-system"):
        assert group in operators()
        assert group in keeper["spec"]["validations"][0]["expression"]


def test_no_text_breaks_out_of_its_quotes() -> None:
    with pytest.raises(ValueError, match="quoted"):
        cel.listed(["a' || true || '"])


# Patterns of RE2 that stand for what a rule has in Python: both have to say the same.
PARTS = ("a", "b.c", "latest", ":", "/", "@", "sha256", "1", "localhost", "registry.test", "docker")
IMAGE = st.lists(st.sampled_from((*PARTS, "docker.io", "library", "org", "ghcr.io")), max_size=8)


def judged(check: Any, props: dict[str, Any], ground: Ground = GROUND) -> bool:
    outcome = check(Resource("kubernetes:core/v1:Pod", "case", props), ground).outcome
    return bool(outcome is Outcome.FAIL)


def of_image(image: str) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "main", "image": image}]}}


@given(parts=IMAGE)
def test_images_float_at_admission_as_they_do_for_the_rule(parts: list[str]) -> None:
    image = "".join(parts)
    bad = not re.search(cel.FIXED_IMAGE, image) or re.search(cel.FLOATING_IMAGE, image)
    if image.count("@") < 2 and not re.search(":[^/@]*:", image):
        assert bool(image and bad) == judged(fixed_image_tags, of_image(image)), image


@given(parts=IMAGE)
def test_images_come_from_where_the_rule_says(parts: list[str]) -> None:
    image = "".join(parts)
    full = image
    if not re.search(r"^(localhost|[^/]*[.:][^/]*)/", image):
        full = f"docker.io/{image}" if "/" in image else f"docker.io/library/{image}"
    bad = bool(image) and not re.search(cel.registries(GROUND), full)
    assert bad == judged(known_registries, of_image(image)), image


ADDRESS = st.lists(
    st.sampled_from(
        (
            *("s3", "gs", "pvc", "models", "oci", "hf", "https", ":", "://", "/", "a", "main"),
            *("latest", "HEAD", "3", "m-0f", "@", "org", "v1.2"),
        )
    ),
    max_size=8,
)


@given(scheme=st.sampled_from(("s3://", "hf://", "oci://", "models:/", "pvc://")), parts=ADDRESS)
def test_models_float_at_admission_as_they_do_for_the_rule(scheme: str, parts: list[str]) -> None:
    address = scheme + "".join(parts)
    found = re.search(cel.FIXED_MODEL, address) and not re.search(cel.FLOATING_MODEL, address)
    props = {"spec": {"predictor": {"model": {"storageUri": address}}}}
    if address.count("@") < 2 and address.count(":") < 3:
        assert (not found) == judged(models.fixed_models, props), address


WORDS = st.lists(
    st.sampled_from(
        ("--trust-remote-code", "--trust_remote_code=", "false", "True", "1", "f", "fals", " ")
    ),
    max_size=5,
)


@given(words=WORDS, glue=st.sampled_from(("", " ")))
def test_commands_bring_programs_at_admission_as_they_do_for_the_rule(
    words: list[str], glue: str
) -> None:
    command = glue.join(words)
    props = {"spec": {"predictor": {"containers": [{"args": [command]}]}}}
    bad = bool(re.search(cel.REMOTE_CODE, command))
    assert bad == judged(models.no_remote_code, props), command


LICENCES = ("MIT", "Apache-2.0", "GPL-3.0-only", "LicenseRef-own", "with", "and", "OR", "(", ")")


@given(words=st.lists(st.sampled_from((*LICENCES, "Classpath-exception-2.0", "free")), max_size=7))
def test_a_licence_of_the_rule_is_one_at_admission(words: list[str]) -> None:
    text = " ".join(words)
    if models.is_licence(text):
        assert re.search(cel.LICENCE, text), text
    if "free" in words and "with" not in words:
        assert not re.search(cel.LICENCE, text), text
