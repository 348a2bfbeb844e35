from __future__ import annotations

from components.team import MEMBER, Team, Way, fence, limits, members

VISION = Team(
    name="vision",
    quota={"h100": {"cpu": "96", "nvidia.com/gpu": "4"}, "workers": {"cpu": "1"}},
    members=("ada@example.org", "group:vision"),
    tenant=True,
)


def test_nothing_comes_in_or_goes_out_unless_it_is_named() -> None:
    nothing, itself, *_ = fence(VISION, {})
    assert nothing["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert itself["spec"]["ingress"] == [{"from": [{"podSelector": {}}]}]
    within, names = itself["spec"]["egress"]
    assert within == {"to": [{"podSelector": {}}]}
    assert {port["port"] for port in names["ports"]} == {53}


def test_an_addon_opens_ways_to_its_own_pods_alone() -> None:
    ways = {
        "mlflow": [Way(namespace="mlflow", pods={"a": "b"}, ports=(5000,))],
        "prometheus": [Way(namespace="monitoring", inwards=True)],
        "kwok": [],
    }
    out, into = fence(VISION, ways)[2:]
    assert out["metadata"]["name"] == "mlflow"
    assert out["spec"]["policyTypes"] == ["Egress"]
    (rule,) = out["spec"]["egress"]
    assert rule["to"][0]["podSelector"] == {"matchLabels": {"a": "b"}}
    assert rule["ports"] == [{"port": 5000, "protocol": "TCP"}]
    assert into["spec"]["policyTypes"] == ["Ingress"]
    assert "ports" not in into["spec"]["ingress"][0]


def test_members_see_quotas_and_policies_and_change_none() -> None:
    _, role, binding = members(VISION, [])
    for rule in role["rules"]:
        assert "*" not in (*rule["verbs"], *rule["resources"], *rule["apiGroups"])
        for kind in ("resourcequotas", "limitranges", "networkpolicies", "roles", "rolebindings"):
            if kind in rule["resources"]:
                assert set(rule["verbs"]) <= {"get", "list", "watch"}
    assert [s["kind"] for s in binding["subjects"]] == ["ServiceAccount", "User", "Group"]
    assert binding["subjects"][0]["name"] == MEMBER
    assert binding["subjects"][2]["name"] == "vision"


def test_a_namespace_asks_for_no_more_than_its_ceiling_whatever_a_queue_says() -> None:
    team = Team(name="vision", ceiling={"cpu": "2", "cnai.dev/gpu": "3"})
    quota, _, account = limits(team, {"cnai.dev/gpu": "gpu.example.com"})
    assert (account["metadata"]["name"], account["automountServiceAccountToken"]) == (
        "default",
        False,
    )
    hard = quota["spec"]["hard"]
    assert hard["requests.cpu"] == "2"
    assert hard["requests.cnai.dev/gpu"] == "3"
    assert hard["gpu.example.com.deviceclass.resource.k8s.io/devices"] == "3"
    assert hard["services.loadbalancers"] == "0"
