"""What pods of a team get at of its own and of another's: objects, runs, features; what is left.

Each row is asked twice by a pod of A with what A's namespace has of Secrets: of A itself, which has
to work, and of B, which must not.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.pods import container_security, pod_security, resources
from tests.live.tenants.conftest import ASKED, Tenants, there
from tests.live.tenants.data import DATA, FEATURES, RUNS, S3, Kept
from tests.waiting import wait_for
from tools import supply

pytestmark = pytest.mark.live
Ask = Callable[[str, str, str], str]
"""Asks in the namespace of a team, in a pod of an image, by a program: its last line comes back."""

MAKE = {
    "mlflow": S3
    + 'store.put_object(Bucket=os.environ["BUCKET"], Key="object", Body=b"text")\n'
    + RUNS.replace('mlflow.set_workspace("{of}")\n', "")
    + """\
run = client.create_run(client.create_experiment("kept"))
client.log_metric(run.info.run_id, "loss", 0.5)
print(run.info.run_id)
""",
    "feast": FEATURES
    + """\
entity = Entity(name="ticket", join_keys=["ticket"], value_type=ValueType.INT64)
files = FileSource(name="own", path=f"s3://{os.environ['BUCKET']}/own.parquet",
                   timestamp_field="event_timestamp",
                   s3_endpoint_override=os.environ["AWS_ENDPOINT_URL"])
view = FeatureView(name="own", entities=[entity], schema=[Field(name="answer", dtype=Int64)],
                   source=files, ttl=timedelta(days=1))
now = datetime.now(UTC)
frame = pd.DataFrame({"ticket": [1], "answer": [42], "event_timestamp": [now - timedelta(hours=1)]})
frame.to_parquet(f"s3://{os.environ['BUCKET']}/own.parquet",
                 storage_options={"endpoint_url": os.environ["AWS_ENDPOINT_URL"]})
store.apply([entity, view])
print("made")
""",
}


def asker(team: str, image: str) -> dict[str, Any]:
    """A pod of a team that programs run in, with all Secrets that the team has for its pods."""
    client = {"name": "feast", "key": "feature_store.yaml"}
    told = {
        "HOME": "/tmp",
        "GIT_PYTHON_REFRESH": "quiet",
        "PYTHONWARNINGS": "ignore",
        "AWS_EC2_METADATA_DISABLED": "true",
        "MLFLOW_TRACKING_URI": "http://mlflow.mlflow.svc:5000",
    }
    container = {
        "name": "main",
        "image": supply.image_ref(image),
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "infinity"],
        "env": [
            *({"name": name, "value": value} for name, value in told.items()),
            {"name": "CLIENT", "valueFrom": {"configMapKeyRef": client}},
        ],
        "envFrom": [{"secretRef": {"name": name}} for name in ("bucket", "mlflow")],
        "securityContext": container_security(),
        "resources": resources("10m", "64Mi", "768Mi"),
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"asks-{image}", "namespace": team},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "securityContext": pod_security(65532),
            "containers": [container],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        },
    }


@pytest.fixture(scope="module")
def ask(tenants: Tenants) -> Iterator[Ask]:
    """Ask in pods, which are made when they are first asked."""
    owner, platform = tenants.owner(), tenants.platform
    made: dict[tuple[str, str], dict[str, Any]] = {}

    def runs(team: str, name: str) -> bool:
        pod = owner.find("v1", "Pod", name, team)
        return bool(pod.get("status", {}).get("phase") == "Running")

    def asked(team: str, image: str, program: str) -> str:
        name = f"asks-{image}"
        if (team, image) not in made:
            made[team, image] = owner.create(asker(team, image))
            wait_for(f"{name} of {team} runs", lambda: runs(team, name), seconds=300)
        done = subprocess.run(
            [
                *(str(platform.home / "bin" / "kubectl"), f"--kubeconfig={platform.kubeconfig}"),
                *("exec", f"--namespace={team}", name, "--", "python3", "-c", program),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().splitlines()[-1]

    yield asked
    for (team, image), pod in made.items():
        # The last test took the first team's away, with all that it had.
        if there(owner, "Pod", f"asks-{image}", team):
            owner.delete({**pod, "apiVersion": "v1", "kind": "Pod"})


@pytest.fixture(scope="module")
def runs(ask: Ask) -> dict[str, str]:
    """The id of a run of each team, which has an object and features as well."""
    for team in ASKED:
        assert ask(team, "feast", MAKE["feast"]) == "made"
    return {team: ask(team, "mlflow", MAKE["mlflow"]) for team in ASKED}


@pytest.mark.parametrize("kept", DATA, ids=[kept.what for kept in DATA])
def test_a_team_gets_at_what_is_its_own_and_at_nothing_of_another(
    kept: Kept, ask: Ask, runs: dict[str, str]
) -> None:
    def answer(of: str) -> str:
        program = kept.program.replace("{of}", of).replace("{run}", runs[of])
        return ask("red", kept.image, program)

    assert answer("red") == "yes"
    assert answer("blue") == "no"


def test_what_goes_is_archived_and_the_next_of_the_name_finds_nothing(
    tenants: Tenants,
    runs: dict[str, str],
) -> None:
    """Last in this file: it takes the first team away and makes another of its name."""
    platform, red = tenants.platform, tenants.stack("red")
    down = platform.cnai("down", red)
    assert down.returncode == 0, down.stderr
    folder = max((platform.home / "archive").glob(f"{red}-*"))
    index = json.loads((folder / "index.json").read_text())
    assert index["complete"]
    kept = {one["name"]: lines(folder / one["name"]) for one in index["files"]}
    assert runs["red"] in {one.get("run_id") for one in kept["mlflow.jsonl"]}
    assert "object" in {one["key"] for one in kept["bucket.jsonl"]}
    views = [one["definition"] for one in kept["feast.jsonl"] if one["kind"] == "featureViews"]
    assert "own" in {view["spec"]["name"] for view in views}
    # Its file stays, so it can be made again.
    assert tenants.up("red") == 0
    again = platform.cnai("archive", red)
    assert again.returncode == 0, again.stderr
    new = Path(again.stdout.strip())
    left = {name: lines(new / name) for name in kept}
    assert "object" not in {one["key"] for one in left["bucket.jsonl"]}
    assert runs["red"] not in {one.get("run_id") for one in left["mlflow.jsonl"]}
    assert not [one for one in left["feast.jsonl"] if one["kind"] == "featureViews"]


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]
