"""What an engine leaves in the host's network, and how to take it back out.

dockerd makes a bridge, firewall chains and rules, turns forwarding on, and takes none of it away
when it stops. A snapshot taken before it starts tells afterwards what was its doing.
"""

from __future__ import annotations

import re
import shlex
import socket
import struct
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

SYSCTL = Path("/proc/sys/net")
SYSCTLS = (
    "ipv4/ip_forward",
    "ipv6/conf/all/forwarding",
    "ipv6/conf/default/forwarding",
    "bridge/bridge-nf-call-iptables",
    "bridge/bridge-nf-call-ip6tables",
)
FAMILIES = ("iptables", "ip6tables")
BRIDGE = "docker0"

_DOCKERS = re.compile(r"\bDOCKER|(?:-i|-o) (?:docker0|br-[0-9a-f]{12})\b")


@dataclass(frozen=True)
class Snapshot:
    """The parts of the host's network that an engine changes."""

    rules: dict[str, str]
    sysctls: dict[str, str]
    bridge: bool

    def plain(self) -> dict[str, object]:
        """Return it as plain data, to be kept in a file."""
        return asdict(self)


def read() -> Snapshot:
    """Return how things are now; families without a firewall command count as having no rules."""
    paths = {name: SYSCTL / name for name in SYSCTLS}
    return Snapshot(
        rules={family: _save(family) for family in FAMILIES},
        sysctls={n: p.read_text(encoding="ascii").strip() for n, p in paths.items() if p.exists()},
        bridge=BRIDGE in {name for _, name in socket.if_nameindex()},
    )


def _save(family: str) -> str:
    try:
        done = subprocess.run(
            [f"/usr/sbin/{family}-save"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def tables(saved: str) -> dict[str, tuple[dict[str, str], list[str]]]:
    """Return, for each table in an ``iptables-save`` text, its chains' policies and its rules."""
    found: dict[str, tuple[dict[str, str], list[str]]] = {}
    chains: dict[str, str] = {}
    rules: list[str] = []
    for line in saved.splitlines():
        if line.startswith("*"):
            chains, rules = found.setdefault(line[1:].strip(), ({}, []))
        elif line.startswith(":"):
            name, policy = line[1:].split()[:2]
            chains[name] = policy
        elif line.startswith("-A "):
            rules.append(line)
    return found


def undo(before: str, after: str) -> list[list[str]]:
    """Return the ``iptables`` arguments that take out what Docker added between two snapshots.

    Rules and chains that were there before stay, and so do those that came since but are not
    Docker's. A policy that was tightened goes back to what it was.
    """
    earlier = tables(before)
    commands: list[list[str]] = []
    for table, (chains, rules) in tables(after).items():
        old_chains, old_rules = earlier.get(table, ({}, []))
        added = Counter(rules) - Counter(old_rules)
        gone = [name for name in chains if name.startswith("DOCKER") and name not in old_chains]
        for rule in added.elements():
            words = shlex.split(rule)
            if words[1] not in gone and _DOCKERS.search(rule):
                commands.append(["-t", table, "-D", *words[1:]])
        commands += [["-t", table, "-F", name] for name in gone]
        commands += [["-t", table, "-X", name] for name in gone]
        commands += [
            ["-t", table, "-P", name, old_chains.get(name, "ACCEPT")]
            for name, policy in chains.items()
            if policy == "DROP" and name == "FORWARD" and old_chains.get(name) != "DROP"
        ]
    return commands


def restore(before: Snapshot) -> None:
    """Take out of the host's network what Docker added since ``before``."""
    now = read()
    for family in FAMILIES:
        for arguments in undo(before.rules.get(family, ""), now.rules[family]):
            _firewall(family, arguments)
    for name, value in before.sysctls.items():
        if now.sysctls.get(name, value) != value:
            (SYSCTL / name).write_text(value, encoding="ascii")
    if now.bridge and not before.bridge:
        delete_link(BRIDGE)


def _firewall(family: str, arguments: Sequence[str]) -> None:
    # A rule that somebody else took out meanwhile is what we want; hence no check.
    subprocess.run([f"/usr/sbin/{family}", "--wait", *arguments], capture_output=True, check=False)


def delete_link(name: str) -> None:
    """Delete a network interface (RTM_DELLINK); one that is not there is fine.

    Raises ``OSError`` when the kernel refuses.
    """
    try:
        index = socket.if_nametoindex(name)
    except OSError:
        return
    request_and_acknowledge, delete, error = 0x5, 17, 2
    link = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, 0, 0)
    header = struct.pack("=IHHII", 16 + len(link), delete, request_and_acknowledge, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(header + link)
        answer = netlink.recv(4096)
    if struct.unpack_from("=H", answer, 4)[0] == error:
        (code,) = struct.unpack_from("=i", answer, 16)
        if code:
            raise OSError(-code, f"deleting the network interface {name}")
