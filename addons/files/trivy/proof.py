"""Plant what has to be found, and the same without it; scan both; find it in one place only."""

from __future__ import annotations

import json
import os
import secrets
import string

import findings
import scan
from cluster import Cluster, Store, place

PRIVILEGED = "KSV017"


def deployment(*, privileged: bool) -> str:
    """Return a Deployment that is, or is not, one with its node."""
    container = {"name": "main", "image": "planted", "securityContext": {"privileged": privileged}}
    made = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "planted", "namespace": "planted"},
        "spec": {
            "selector": {"matchLabels": {"app": "planted"}},
            "template": {
                "metadata": {"labels": {"app": "planted"}},
                "spec": {"containers": [container]},
            },
        },
    }
    return json.dumps(made, indent=1)


def main() -> None:
    """Raise AssertionError unless exactly what was planted is found."""
    letters = string.ascii_uppercase + "234567"
    key = "AKIA" + "".join(secrets.choice(letters) for _ in range(16))
    texts = [
        deployment(privileged=True),
        deployment(privileged=False),
        f"aws_access_key_id = {key}\n",
        "aws_access_key_id = to be given\n",
    ]
    seen = scan.files(texts)
    wrong = [
        [found["ID"] for result in results for found in result.get("Misconfigurations") or ()]
        for results in seen
    ]
    assert [PRIVILEGED in ids for ids in wrong] == [True, False, False, False], wrong
    exposed = [any(findings.secrets(r, "it") for r in results) for results in seen]
    assert exposed == [False, False, True, False], exposed
    print("the privileged Deployment and the planted key are found, and nothing else is")

    ref = os.environ["IMAGE"]
    # A node may have unpacked an image and thrown its layers away; what runs is always there.
    raw, bill = scan.system("/")
    parts = {part["name"] for part in json.loads(bill)["components"]}
    assert {"github.com/aquasecurity/trivy", "python3.11"} & parts, sorted(parts)[:20]
    store = Store()
    store.put("proof/sbom.cdx.json", bill)
    assert store.get("proof/sbom.cdx.json") == bill
    assert store.get("proof/nothing") is None
    print(f"{ref} has {len(parts)} parts, and their list comes back from the bucket")

    cluster = Cluster()
    report = findings.report("trivy-proof", "Image", ref, [findings.unknown("proof", "planted")])
    cluster.apply(report)
    back = cluster.call("GET", place(report))
    assert back["results"] == report["results"], back
    cluster.call("DELETE", place(report))
    assert json.loads(raw)["ArtifactType"] == "filesystem"


if __name__ == "__main__":
    main()
