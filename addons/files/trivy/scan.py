"""Scan what runs in the cluster: workloads as they are written, config maps, images.

Each image is scanned once: what was found in it lies in the bucket under its digest. A run that has
used up its time leaves the rest to the next one, and says so in the reports.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import findings
from cluster import REPORTS, Cluster, Store, place

KINDS = {
    "Deployment": "/apis/apps/v1/deployments",
    "StatefulSet": "/apis/apps/v1/statefulsets",
    "DaemonSet": "/apis/apps/v1/daemonsets",
    "CronJob": "/apis/batch/v1/cronjobs",
}
SEVERITIES = frozenset(os.environ.get("SEVERITIES", "").split(","))
COMMON = ("--quiet", "--cache-dir=/tmp/trivy")
ALONE = ("--skip-version-check", "--disable-telemetry", "--offline-scan")
"""What keeps a scan from asking anybody outside."""


def trivy(*arguments: str) -> bytes:
    """Return what Trivy prints; raises RuntimeError with the last line that it complains with."""
    done = subprocess.run(["trivy", *arguments, *COMMON], check=False, capture_output=True)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise RuntimeError(said[-1][-400:] if said else f"trivy ended with {done.returncode}")
    return done.stdout


def files(texts: list[str]) -> list[list[dict[str, Any]]]:
    """Return the results of each text, scanned as a file: misconfigurations and secrets."""
    with tempfile.TemporaryDirectory() as folder:
        # Names tell nothing: Trivy looks for no secret in a path that has `test` in it.
        for number, text in enumerate(texts):
            Path(folder, f"{number:06}.json").write_text(text)
        raw = json.loads(
            trivy(
                *("fs", "--format=json", "--scanners=misconfig,secret", "--parallel=1"),
                *("--misconfig-scanners=kubernetes", "--skip-check-update", *ALONE),
                folder,
            )
        )
    found: list[list[dict[str, Any]]] = [[] for _ in texts]
    for result in raw.get("Results") or ():
        found[int(Path(result["Target"]).stem)].append(result)
    return found


def image(ref: str) -> tuple[bytes, bytes]:
    """Return what is in an image, and its bill of materials as CycloneDX."""
    return _parts("image", "--image-src=containerd,remote", ref)


def system(root: str) -> tuple[bytes, bytes]:
    """Return the same of the files of a running system."""
    return _parts("rootfs", "--skip-dirs=/dev,/proc,/sys,/tmp", root)


def _parts(what: str, *arguments: str) -> tuple[bytes, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "parts.json")
        trivy(
            *(what, "--format=json", f"--output={out}", "--list-all-pkgs", "--scanners=secret"),
            *("--parallel=1", *ALONE, *arguments),
        )
        return out.read_bytes(), trivy("convert", "--format=cyclonedx", str(out))


def database() -> str | None:
    """Fetch the vulnerability database; return why there is none."""
    if not os.environ.get("DATABASE"):
        return "no database is set"
    try:
        trivy(
            *("image", "--download-db-only", "--timeout=60s", *ALONE),
            f"--db-repository={os.environ['DATABASE']}",
        )
    except RuntimeError:
        return f"no database: {os.environ['DATABASE']} is out of reach"
    return None


def workloads(cluster: Cluster) -> list[dict[str, Any]]:
    """Return the report on every workload, and on every config map that holds a secret."""
    scanned: list[tuple[dict[str, Any], str]] = []
    for path in KINDS.values():
        for found in cluster.list(path):
            # What the platform writes down beside the object is not the workload.
            found["metadata"].pop("managedFields", None)
            found.pop("status", None)
            scanned.append((found, json.dumps(found, indent=1)))
    for found in cluster.list("/api/v1/configmaps"):
        scanned += [(found, text) for text in (found.get("data") or {}).values()]
    made: dict[str, dict[str, Any]] = {}
    for (found, _), results in zip(scanned, files([text for _, text in scanned]), strict=True):
        kind, metadata = found["kind"], found["metadata"]
        listed, passed = [], 0
        for result in results:
            if kind in KINDS:
                listed += findings.misconfigurations(result, SEVERITIES)
                passed += (result.get("MisconfSummary") or {}).get("Successes", 0)
            listed += findings.secrets(result, kind)
        name = f"trivy-{kind.lower()}-{metadata['name']}"[:253]
        if listed or kind in KINDS:
            new = findings.report(
                name,
                kind,
                metadata["name"],
                listed + made.get(f"{metadata['namespace']}/{name}", {}).get("results", []),
                namespace=metadata["namespace"],
                passed=passed,
            )
            made[f"{metadata['namespace']}/{name}"] = new
    return list(made.values())


def running(cluster: Cluster) -> dict[str, str]:
    """Return the images that run, by digest; simulated nodes run none."""
    found: dict[str, str] = {}
    for pod in cluster.list("/api/v1/pods"):
        named = {
            c["name"]: c["image"]
            for part in ("containers", "initContainers")
            for c in pod["spec"].get(part, ())
        }
        status = pod.get("status") or {}
        for part in ("containerStatuses", "initContainerStatuses"):
            for container in status.get(part, ()):
                digest = re.search(r"sha256:([0-9a-f]{64})", container.get("imageID", ""))
                if digest and container["name"] in named:
                    found[digest[1]] = named[container["name"]]
    return found


def on_image(store: Store, digest: str, ref: str, *, late: bool, missing: str | None) -> Any:
    """Return the report on one image, which is scanned if it was not before and there is time."""
    at = f"images/{digest}"
    raw = store.get(f"{at}/report.json")
    listed: list[findings.Finding] = []
    if raw is None and late:
        listed = [findings.unknown("image", "this run's time is used up; the next one goes on")]
    elif raw is None:
        try:
            raw, bill = image(ref)
        except RuntimeError as error:
            listed = [findings.unknown("image", str(error))]
        else:
            store.put(f"{at}/sbom.cdx.json", bill)
            store.put(f"{at}/report.json", raw)
    if raw is not None:
        for result in json.loads(raw).get("Results") or ():
            listed += findings.secrets(result, result["Target"])
        listed += known(store.get(f"{at}/sbom.cdx.json") or b"", missing)
    return findings.report(f"trivy-image-{digest[:16]}", "Image", ref, listed)


def known(bill: bytes, missing: str | None) -> list[findings.Finding]:
    """Return the vulnerabilities of what a bill of materials lists; the image is not needed."""
    if missing:
        return [findings.unknown("vulnerability", missing)]
    with tempfile.NamedTemporaryFile(suffix=".cdx.json") as file:
        file.write(bill)
        file.flush()
        raw = trivy("sbom", "--format=json", "--skip-db-update", *ALONE, file.name)
    found: list[findings.Finding] = findings.vulnerabilities(json.loads(raw), SEVERITIES)
    return found


def main() -> None:
    """Scan all, write the reports, take away those on what is gone."""
    end = time.monotonic() + float(os.environ["SECONDS_FOR_IMAGES"])
    cluster, store = Cluster(), Store()
    reports = workloads(cluster)
    print(f"{len(reports)} workloads", flush=True)
    missing = database()
    for digest, ref in sorted(running(cluster).items(), key=lambda item: item[1]):
        late = time.monotonic() > end
        made = on_image(store, digest, ref, late=late, missing=missing)
        print(f"{made['summary']} {ref}", flush=True)
        reports.append(made)
    for report in reports:
        cluster.apply(report)
    kept = {place(report) for report in reports}
    for path in ("reports", "clusterreports"):
        for old in cluster.list(f"{REPORTS}/{path}"):
            labels = old["metadata"].get("labels") or {}
            if labels.items() >= findings.LABELS.items() and place(old) not in kept:
                cluster.call("DELETE", place(old))
    print(f"{len(reports)} reports", flush=True)


if __name__ == "__main__":
    main()
