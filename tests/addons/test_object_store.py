"""Buckets and accounts of a real gateway: who gets into what, and what stays and goes."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from socket import socket

import pytest

from addons import catalogue, script
from components.addon import Addon, Context
from components.team import Team
from tools import supply
from tools.supply import Mode

# The gateway is a program that has to be built or fetched first.
pytestmark = pytest.mark.live
OWNER = ("cnai", "key-of-the-owner")
ROOT = {"ROOT_ACCESS_KEY_ID": OWNER[0], "ROOT_SECRET_ACCESS_KEY": OWNER[1]}
RED, BLUE = ("team-red", "key-of-red"), ("team-blue", "key-of-blue")
READER = ("mlflow-reader", "key-of-reader")
ODD = "we\"ird\\ k<e>y &amp; 'q' é %20+?.txt"


def port() -> int:
    with socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Gateway:
    """The gateway as a process of this machine, on a folder."""

    def __init__(self, room: Path) -> None:
        self.room, self.url = room, f"http://127.0.0.1:{port()}"
        for name in ("data", "accounts", "tmp"):
            (room / name).mkdir()

    @contextmanager
    def running(self) -> Iterator[None]:
        mode = supply.resolve(Mode.AUTO)
        supply.ensure(["program:versitygw"], mode, show=False)
        process = subprocess.Popen(
            [
                str(supply.program("versitygw", mode)),
                *(f"--port={self.url.removeprefix('http://')}", "--region=us-east-1"),
                *(f"--iam-dir={self.room / 'accounts'}", "posix", str(self.room / "data")),
            ],
            env={**os.environ, **ROOT},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            end = time.monotonic() + 30
            while self.ask(OWNER, "GET", "/") != 200 and time.monotonic() < end:
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(30)

    def ask(self, who: tuple[str, str], method: str, path: str, body: str = "") -> int:
        """Return the status of an answer."""
        signed = ["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", ":".join(who)]
        told = ["--output", os.devnull, "--write-out", "%{http_code}", "--request", method]
        sent = ["--data-binary", body] if body else []
        head = ["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
        done = subprocess.run(
            ["curl", "--silent", *signed, *told, *sent, *head, self.url + path],
            capture_output=True,
            text=True,
            check=False,
        )
        return int(done.stdout)

    def run(self, program: str, env: Mapping[str, str]) -> str:
        """Run a script of the addon, whose /tmp is a folder of the test."""
        text = script("object-store", program).replace("/tmp/", f"{self.room / 'tmp'}/")
        told = {"AWS_ENDPOINT_URL": self.url, "AWS_REGION": "us-east-1", **env}
        return subprocess.run(
            ["sh", "-c", text],
            env={"PATH": os.environ["PATH"], **told},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def team(self, keys: tuple[str, str]) -> str:
        own = {"AWS_ACCESS_KEY_ID": keys[0], "AWS_SECRET_ACCESS_KEY": keys[1], "BUCKET": keys[0]}
        return self.run("team.sh", {**ROOT, **own})

    def addon(self) -> str:
        own = {"AWS_ACCESS_KEY_ID": OWNER[0], "AWS_SECRET_ACCESS_KEY": OWNER[1]}
        read = {"READER": READER[0], "READER_SECRET": READER[1]}
        return self.run("bucket.sh", {**own, **read, "BUCKET": "mlflow"})

    def archived(self, bucket: str) -> list[dict[str, object]]:
        said = self.run("archive.sh", {**ROOT, "BUCKET": bucket})
        return [json.loads(line) for line in said.splitlines()]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Two teams and an addon, each with a bucket that an object is in; all made twice."""
    made = Gateway(tmp_path_factory.mktemp("gateway"))
    with made.running():
        for _ in range(2):
            made.team(RED)
            made.team(BLUE)
            made.addon()
        for who, bucket in ((RED, "team-red"), (BLUE, "team-blue"), (OWNER, "mlflow")):
            assert made.ask(who, "PUT", f"/{bucket}/object", "text") == 200
        yield made


ASKED = {
    "list": ("GET", "/{}?list-type=2", ""),
    "read": ("GET", "/{}/object", ""),
    "write": ("PUT", "/{}/other", "text"),
    "remove": ("DELETE", "/{}/object-that-is-not-there", ""),
    "open to all": ("PUT", "/{}?policy=", '{"Statement": []}'),
    "take away": ("DELETE", "/{}", ""),
}


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.parametrize(
    ("who", "bucket"),
    [
        *((RED, name) for name in ("team-blue", "mlflow")),
        *((BLUE, name) for name in ("team-red", "mlflow")),
        *((READER, name) for name in ("team-red", "team-blue")),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_nobody_gets_into_the_bucket_of_another(
    gateway: Gateway, who: tuple[str, str], bucket: str, what: str
) -> None:
    method, path, body = ASKED[what]
    assert gateway.ask(who, method, path.format(bucket), body) == 403


@pytest.mark.parametrize(
    ("who", "bucket", "writes"), [(RED, "team-red", 200), (READER, "mlflow", 403)]
)
def test_a_team_works_in_its_bucket_and_a_reader_only_reads(
    gateway: Gateway, who: tuple[str, str], bucket: str, writes: int
) -> None:
    assert gateway.ask(who, "GET", f"/{bucket}?list-type=2") == 200
    assert gateway.ask(who, "GET", f"/{bucket}/object") == 200
    assert gateway.ask(who, "PUT", f"/{bucket}/own", "text") == writes


def test_a_team_makes_no_bucket_and_no_account(gateway: Gateway) -> None:
    assert gateway.ask(RED, "PUT", "/another") == 403
    assert gateway.ask(RED, "PATCH", "/list-users") == 403


def test_accounts_are_there_after_a_start(tmp_path: Path) -> None:
    store = Gateway(tmp_path)
    with store.running():
        store.team(RED)
        store.addon()
    with store.running():
        assert store.ask(RED, "PUT", "/team-red/object", "text") == 200
        assert store.ask(READER, "GET", "/mlflow?list-type=2") == 200
        assert store.ask(READER, "GET", "/team-red?list-type=2") == 403


def test_a_listing_has_every_object_as_it_is_called(tmp_path: Path) -> None:
    store = Gateway(tmp_path)
    with store.running():
        store.team(RED)
        assert store.archived("team-blue") == [{"count": 0}]
        assert store.archived("team-red") == [{"count": 0}]
        for name in (ODD, *(f"many/{number:04}" for number in range(1002))):  # more than a page
            (tmp_path / "data" / "team-red" / name).parent.mkdir(exist_ok=True)
            (tmp_path / "data" / "team-red" / name).write_text("text")
        *found, last = store.archived("team-red")
        assert last == {"count": 1003}
        assert [one["key"] for one in found] == [*(f"many/{n:04}" for n in range(1002)), ODD]
        assert {one["size"] for one in found} == {4}


def test_what_a_team_leaves_goes_and_nothing_else_does(tmp_path: Path) -> None:
    store = Gateway(tmp_path)
    with store.running():
        for who in (RED, BLUE):
            store.team(who)
            assert store.ask(who, "PUT", f"/{who[0]}/a/b", "text") == 200
        assert store.ask(RED, "POST", "/team-red/begun?uploads=") == 200
        (tmp_path / "data" / "team-red" / ODD).write_text("text")
        for said in ("account and bucket team-red went", "bucket team-red is gone"):
            assert said in store.run("remove.sh", {**ROOT, "BUCKET": "team-red"})
        assert store.ask(RED, "GET", "/team-red?list-type=2") == 403
        assert store.ask(OWNER, "GET", "/team-red?list-type=2") == 404
        assert store.ask(BLUE, "GET", "/team-blue/a/b") == 200
        # The next team of that name finds nothing of the one before.
        store.team(("team-red", "another-key"))
        assert store.ask(RED, "GET", "/team-red?list-type=2") == 403
        assert store.archived("team-red") == [{"count": 0}]


def test_accounts_lie_where_nothing_is_served(context: Callable[[Addon], Context]) -> None:
    addon = catalogue()["object-store"]
    ctx = context(addon)
    gateway = next(m for m in addon.workloads(ctx) if m["kind"] == "StatefulSet")["spec"]
    claims = [claim["metadata"]["name"] for claim in gateway["volumeClaimTemplates"]]
    assert claims == ["data", "accounts"]
    (container,) = gateway["template"]["spec"]["containers"]
    at = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert container["args"][-1] == at["data"]
    assert f"--iam-dir={at['accounts']}" in container["args"]


def test_a_tenant_has_the_keys_of_its_bucket_and_no_other(
    context: Callable[[Addon], Context],
) -> None:
    addon = catalogue()["object-store"]
    share = addon.per_team(context(addon), Team(name="red", tenant=True))
    theirs = [m for m in share.workloads if m["metadata"]["namespace"] == "red"]
    (secret,) = theirs
    assert secret["metadata"]["name"] == "bucket"
    assert secret["stringData"]["BUCKET"] == secret["stringData"]["AWS_ACCESS_KEY_ID"] == "team-red"
    assert secret["stringData"]["AWS_SECRET_ACCESS_KEY"] == "secret of object-store-team-red"
    assert not addon.per_team(context(addon), Team(name="red")).workloads
