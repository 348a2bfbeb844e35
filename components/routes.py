"""Ways into the cluster, in the kinds of the Gateway API: whoever serves them makes these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.labels import TENANT, managed

Manifest = dict[str, Any]

GROUP = "gateway.networking.k8s.io"
API = f"{GROUP}/v1"
HTTP = 80
"""The port that every Gateway of the platform listens at."""
GUARD = "cnai-gateway-hosts"
TOLD = "hosts of its own"
"""What the guard says, among other things, when it refuses a route."""
TEAMS = {"matchExpressions": [{"key": TENANT, "operator": "Exists"}]}


def gateway_class(name: str, controller: str, *, addon: str) -> Manifest:
    """Return the class of Gateways that a controller serves."""
    return {
        "apiVersion": API,
        "kind": "GatewayClass",
        "metadata": {"name": name, "labels": managed(addon)},
        "spec": {"controllerName": controller},
    }


def listener(name: str, hostname: str, namespaces: Manifest) -> Manifest:
    """Return a listener for HTTPRoutes of some namespaces, by names of hosts."""
    kinds = [{"group": GROUP, "kind": "HTTPRoute"}]
    return {
        "name": name,
        "protocol": "HTTP",
        "port": HTTP,
        "hostname": hostname,
        "allowedRoutes": {"kinds": kinds, "namespaces": namespaces},
    }


def gateway(
    name: str, namespace: str, class_: str, listeners: Sequence[Manifest], *, addon: str
) -> Manifest:
    """Return a Gateway of a class."""
    return {
        "apiVersion": API,
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace, "labels": managed(addon)},
        "spec": {"gatewayClassName": class_, "listeners": list(listeners)},
    }


def route(
    name: str, namespace: str, *, parent: Manifest, host: str, to: Manifest, path: str = "/"
) -> Manifest:
    """Return a route that sends what is asked of a host, below a path, to one backend.

    ``parent`` is the Gateway and ``to`` the backend, as references of the Gateway API.
    """
    match = {"path": {"type": "PathPrefix", "value": path}}
    return {
        "apiVersion": API,
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "parentRefs": [parent],
            "hostnames": [host],
            "rules": [{"matches": [match], "backendRefs": [to]}],
        },
    }


def host(team: str, domain: str) -> str:
    """Return the name that a team's hosts have or end in."""
    return f"{team}.{domain}"


def guard(domain: str, *, addon: str) -> list[Manifest]:
    """Return the policy that a team's route names hosts of the team, and its binding.

    Of two routes a Gateway prefers the more specific one, whoever wrote it: without this a team
    could take requests that are meant for another.
    """
    metadata = {"name": GUARD, "labels": managed(addon)}
    named = "object.spec.?hostnames.orValue([])"
    own = f"namespaceObject.metadata.labels['{TENANT}'] + '.{domain}'"
    rule = {
        "apiGroups": [GROUP],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["httproutes"],
    }
    validation = {
        "expression": f"{named}.size() > 0 && {named}.all(h, h == variables.own"
        " || h.endsWith('.' + variables.own))",
        "messageExpression": f"'a route names {TOLD} under hostnames: ' + variables.own"
        " + ', or names that end in .' + variables.own",
        "reason": "Forbidden",
    }
    group = "admissionregistration.k8s.io/v1"
    policy = {
        "apiVersion": group,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata,
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"namespaceSelector": TEAMS, "resourceRules": [rule]},
            "variables": [{"name": "own", "expression": own}],
            "validations": [validation],
        },
    }
    binding = {
        "apiVersion": group,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": metadata,
        "spec": {"policyName": GUARD, "validationActions": ["Deny"]},
    }
    return [policy, binding]
