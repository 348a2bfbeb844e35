from __future__ import annotations

from components.labels import selector
from components.workloads import Server, mounts, variables

SERVER = Server(name="web", namespace="ns", user=7, container={"image": "i:1"})


def test_pods_get_no_token_unless_they_have_an_account() -> None:
    assert SERVER.template()["spec"]["automountServiceAccountToken"] is False
    account = Server(name="web", namespace="ns", user=7, container={}, account="web")
    assert "automountServiceAccountToken" not in account.template()["spec"]
    assert account.template()["spec"]["serviceAccountName"] == "web"


def test_a_service_selects_the_pods_of_its_server_and_of_no_other() -> None:
    chosen = SERVER.service([{"port": 1}])["spec"]["selector"].items()
    other = Server(name="other", namespace="ns", user=7, container={})
    assert chosen <= SERVER.template()["metadata"]["labels"].items()
    assert not chosen <= other.template()["metadata"]["labels"].items()


def test_a_selector_never_changes_with_the_container() -> None:
    changed = Server(name="web", namespace="ns", user=7, container={"image": "i:2"})
    for made in (SERVER.deployment(), changed.stateful(storage_class="s", storage="1Gi")):
        assert made["spec"]["selector"]["matchLabels"] == selector("web")


def test_changed_configuration_changes_the_pods() -> None:
    with_hash = Server(name="web", namespace="ns", user=7, container={}, annotations={"a": "1"})
    assert with_hash.template()["metadata"]["annotations"] == {"a": "1"}
    assert "annotations" not in SERVER.template()["metadata"]


def test_a_volume_keeps_what_a_stateful_server_writes() -> None:
    (claim,) = SERVER.stateful(storage_class="s", storage="1Gi")["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "s"
    assert claim["spec"]["resources"] == {"requests": {"storage": "1Gi"}}


def test_there_is_always_a_place_to_write() -> None:
    assert {"name": "tmp", "emptyDir": {}} in SERVER.template()["spec"]["volumes"]
    assert mounts(data="/d") == [
        {"name": "data", "mountPath": "/d"},
        {"name": "tmp", "mountPath": "/tmp"},
    ]


def test_variables_keep_their_order() -> None:
    assert variables({"B": "1", "A": "2"}) == [
        {"name": "B", "value": "1"},
        {"name": "A", "value": "2"},
    ]
