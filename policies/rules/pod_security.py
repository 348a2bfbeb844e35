"""Rules on what pods of the platform may do to their node: the Pod Security Standard ``baseline``.

There is a rule for each way to the node, so that an exception is one for that way alone. What holds
for teams is in policies/rules/pod_restricted.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from policies.catalog import Check, Framework, Rule, Scope, Severity
from policies.ground import Ground, Resource
from policies.plain import UNKNOWN
from policies.pods import at, containers, each, hidden, keyed, volumes
from policies.verdict import Verdict

Found = Iterator[tuple[str, Any, str | None]]
"""Of each place its value, and what is wrong with that, if anything."""
STANDARDS, CIS = "Pod Security Standards", "CIS Kubernetes Benchmark"
EKS, GKE = "CIS Amazon EKS Benchmark", "CIS Google Kubernetes Engine Benchmark"
NSA = Framework("NSA/CISA Kubernetes Hardening Guidance", "1.2", "pod security")
SECCOMP = ("RuntimeDefault", "Localhost")
# What a security context may say; what it does not say is fine.
CONFINED = {
    ("windowsOptions", "hostProcess"): (False,),
    ("procMount",): ("Default",),
    ("seccompProfile", "type"): SECCOMP,
    ("appArmorProfile", "type"): SECCOMP,
    ("seLinuxOptions", "type"): (
        "",
        *(f"container{kind}_t" for kind in ("", "_init", "_kvm", "_engine")),
    ),
    ("seLinuxOptions", "user"): ("",),
    ("seLinuxOptions", "role"): ("",),
}
# Capabilities that a container has anyway.
USUAL = (
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
    *("NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
)
# What concerns the pod's own part of the kernel and no other.
SYSCTLS = (
    "kernel.shm_rmid_forced",
    *(f"net.ipv4.{name}" for name in ("ip_local_port_range", "ip_local_reserved_ports")),
    *(f"net.ipv4.{name}" for name in ("ip_unprivileged_port_start", "ping_group_range")),
    *(f"net.ipv4.tcp_{name}" for name in ("syncookies", "fin_timeout", "rmem", "wmem")),
    *(f"net.ipv4.tcp_{name}" for name in ("slow_start_after_idle", "notsent_lowat")),
    *(f"net.ipv4.tcp_keepalive_{name}" for name in ("time", "intvl", "probes")),
)
# What the kubelet calls on behalf of a container.
CALLED = (
    *(("livenessProbe",), ("readinessProbe",), ("startupProbe",)),
    *(("lifecycle", "postStart"), ("lifecycle", "preStop")),
)


def privileged(props: Mapping[str, Any]) -> Found:
    """Find containers that nothing of the node is kept from."""
    for place, context in keyed(props, "securityContext"):
        value = at(context, "privileged")
        yield f"{place}.privileged", value, "is true" if value is True else None


def host_namespaces(props: Mapping[str, Any]) -> Found:
    """Find pods that see the network or the processes of the node as their own."""
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        for place, value in keyed(props, key):
            yield place, value, "is true" if value is True else None


def host_paths(props: Mapping[str, Any]) -> Found:
    """Find volumes that are a part of the node's file system."""
    for place, volume in volumes(props):
        value = at(volume, "hostPath")
        yield place, value, None if value is None else "is a part of the node's file system"


def host_ports(props: Mapping[str, Any]) -> Found:
    """Find containers that take a port of the node."""
    for place, container in containers(props):
        for port in each(container.get("ports")):
            value = at(port, "hostPort")
            yield f"{place}.ports", value, None if value in (None, 0) else "takes one of the node"


def unconfined(props: Mapping[str, Any]) -> Found:
    """Find what takes from the confinement that every container has."""
    for place, context in keyed(props, "securityContext"):
        if context is UNKNOWN:
            yield place, UNKNOWN, None
            continue
        for path, fine in CONFINED.items():
            value = at(context, *path)
            wrong = None if value is None or value in fine else "takes from the confinement"
            yield f"{place}.{'.'.join(path)}", value, wrong
        for name in each(at(context, "capabilities", "add")):
            wrong = None if name in USUAL else "adds to what containers have"
            yield f"{place}.capabilities.add", name, wrong
        for sysctl in each(at(context, "sysctls")):
            name = at(sysctl, "name")
            wrong = None if name in SYSCTLS else "sets what is not the pod's alone"
            yield f"{place}.sysctls", name, wrong


def elsewhere(props: Mapping[str, Any]) -> Found:
    """Find containers by which the kubelet, which gets everywhere, calls another host."""
    for place, container in containers(props):
        for path in CALLED:
            for how in ("httpGet", "tcpSocket"):
                host = at(container, *path, how, "host")
                wrong = None if host in (None, "") else "is another than the pod's own"
                yield f"{place}.{'.'.join(path)}.{how}.host", host, wrong


BASELINE = (privileged, host_namespaces, host_paths, host_ports, unconfined, elsewhere)


def no(*controls: Callable[[Mapping[str, Any]], Found]) -> Check:
    """Return the check that fails for whatever the controls find."""

    def check(resource: Resource, _: Ground) -> Verdict:
        found = [entry for control in controls for entry in control(resource.props)]
        unknown = [*hidden(resource.props), *(p for p, value, _ in found if value is UNKNOWN)]
        failures = [f"{p} {wrong}" for p, value, wrong in found if wrong and value is not UNKNOWN]
        doubts = [f"{place} is not known yet" for place in unknown]
        return Verdict.of(dict.fromkeys(failures), dict.fromkeys(doubts))

    return check


RULES = (
    Rule(
        id="CNAI-POD-004",
        title="No container of the platform is privileged",
        severity=Severity.CRITICAL,
        scope=Scope.PLATFORM,
        types=("kubernetes:*",),
        frameworks=(
            Framework(STANDARDS, "1.37", "baseline: privileged containers"),
            Framework(CIS, "1.10", "5.2.2 privileged containers"),
            Framework(EKS, "1.8", "4.2.1 privileged containers"),
            Framework(GKE, "1.9", "4.2.1 baseline in all namespaces"),
            NSA,
        ),
        rationale="Who takes over a privileged container has the node, and all pods on it.",
        remedy="Take `privileged` away; ask for the device, or add the capability, that it needs.",
        check=no(privileged),
    ),
    Rule(
        id="CNAI-POD-005",
        title="No pod of the platform shares namespaces with its node",
        severity=Severity.HIGH,
        scope=Scope.PLATFORM,
        types=("kubernetes:*",),
        frameworks=(
            Framework(STANDARDS, "1.37", "baseline: host namespaces"),
            Framework(CIS, "1.10", "5.2.3 hostPID, 5.2.4 hostIPC, 5.2.5 hostNetwork"),
            Framework(EKS, "1.8", "4.2.2 hostPID, 4.2.3 hostIPC, 4.2.4 hostNetwork"),
            Framework(GKE, "1.9", "4.2.1 baseline in all namespaces"),
            NSA,
        ),
        rationale="On the node's network no policy holds; among its processes nothing is hidden.",
        remedy="Take hostNetwork, hostPID and hostIPC away; a Service makes a pod reachable.",
        check=no(host_namespaces),
    ),
    Rule(
        id="CNAI-POD-006",
        title="No pod of the platform mounts a part of its node's file system",
        severity=Severity.HIGH,
        scope=Scope.PLATFORM,
        types=("kubernetes:*",),
        frameworks=(
            Framework(STANDARDS, "1.37", "baseline: hostPath volumes"),
            Framework(CIS, "1.10", "5.2.12 hostPath volumes"),
            Framework(GKE, "1.9", "4.2.1 baseline in all namespaces"),
            NSA,
        ),
        rationale="What is on the node belongs to all pods there, and to the kubelet.",
        remedy="Use a claim, an emptyDir or a ConfigMap instead of the hostPath.",
        check=no(host_paths),
    ),
    Rule(
        id="CNAI-POD-007",
        title="No pod of the platform takes ports of its node, or leaves its confinement",
        severity=Severity.HIGH,
        scope=Scope.PLATFORM,
        types=("kubernetes:*",),
        frameworks=(
            Framework(STANDARDS, "1.37", "baseline: all else"),
            Framework(CIS, "1.10", "5.2.9 capabilities, 5.2.11 HostProcess, 5.2.13 hostPorts"),
            Framework(GKE, "1.9", "4.2.1 baseline in all namespaces"),
            NSA,
        ),
        rationale="Capabilities, profiles and masks are what is between a container and its node.",
        remedy=(
            "Take away what the message names: a hostPort, a capability, an unconfined profile, a"
            " sysctl, or the host of a probe."
        ),
        check=no(host_ports, unconfined, elsewhere),
    ),
)
