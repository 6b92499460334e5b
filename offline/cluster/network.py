"""The pods' bridge, its iptables rules and kube-proxy's nftables; all are removed completely.

NetworkPolicies are enforced by `network_policies`. The rules here apply on top: only packets that it has marked are
forwarded or reach this machine (the API server, the kubelet), and no IPv6 packet: it ignores link-local addresses.
"""

import ipaddress
import json
import shutil
import subprocess
from pathlib import Path

from common import paths, run
from common.errors import CommandError
from offline.cluster.addresses import BRIDGE, NODE_IP, POD_CIDR

CNI_CONFIG = paths.CLUSTER / "cni"
FORWARD_CHAIN, INPUT_CHAIN = "ML-PLATFORM-FORWARD", "ML-PLATFORM-INPUT"
PASSED = "0x20000/0x20000"
"""kube-router's mark: source or destination is a known pod, and its policies, if any, allow the packet."""

OUR_CHAINS = ("KUBE-", "CNI-", "ML-PLATFORM-")
"""Prefixes of the iptables chains of kubelet, kube-router, CNI plugins and this module."""

SERVICE_TABLE = "kube-proxy"
"""The nftables table of kube-proxy, one for each address family."""


def create() -> None:
    """Create bridge, forwarding rules and CNI configuration; idempotent."""
    if not Path(f"/sys/class/net/{BRIDGE}").exists():
        run.output(["ip", "link", "add", BRIDGE, "type", "bridge"])
    prefix = ipaddress.ip_network(POD_CIDR).prefixlen
    run.output(["ip", "address", "replace", f"{NODE_IP}/{prefix}", "dev", BRIDGE])
    run.output(["ip", "link", "set", BRIDGE, "up"])
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")
    _require_bridge_filtering()
    _forward_what_has_passed()
    _let_in_what_has_passed()
    _drop_ipv6()
    CNI_CONFIG.mkdir(parents=True, exist_ok=True)
    (CNI_CONFIG / "10-ml-platform.conflist").write_text(json.dumps(_cni(), indent=2))


def _require_bridge_filtering() -> None:
    """Services and policies are rules of the IP layer, which the kernel must also apply to bridged packets."""
    switches = [Path(f"/proc/sys/net/bridge/bridge-nf-call-{family}") for family in ("iptables", "ip6tables")]
    if not switches[0].exists():
        subprocess.run(["modprobe", "br_netfilter"], capture_output=True, check=False)
    if not switches[0].exists():
        raise CommandError("pods can't reach services", "the kernel has no br_netfilter", hint="load br_netfilter")
    for switch in switches:
        switch.write_text("1\n")


def _cni() -> dict[str, object]:
    ipam = {
        "type": "host-local",
        "dataDir": str(paths.CLUSTER / "cni-addresses"),
        "ranges": [[{"subnet": POD_CIDR, "rangeStart": "10.244.0.10", "gateway": NODE_IP}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "ipMasq": True, "hairpinMode": True, "ipam": ipam}
    return {
        "cniVersion": "1.0.0",
        "name": "ml-platform",
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }


def _forward_what_has_passed() -> None:
    """Accept marked packets and drop other pod traffic, whatever the policy of FORWARD (DROP with Docker).

    Packets of a pod that kube-router does not know yet have no mark, and are dropped.
    """
    dropped = [f"{side} {POD_CIDR} -j DROP" for side in ("-s", "-d")]
    _fill_chain("iptables", FORWARD_CHAIN, ["-I FORWARD"], [f"-m mark --mark {PASSED} -j ACCEPT", *dropped])


def _let_in_what_has_passed() -> None:
    """The same for packets from pods to this machine, except replies, such as to a probe.

    The rule is at the end of INPUT, after kube-router's chain, which sets the marks.
    """
    refused = f"-m conntrack ! --ctstate RELATED,ESTABLISHED -m mark ! --mark {PASSED} -j DROP"
    _fill_chain("iptables", INPUT_CHAIN, [f"-A INPUT -i {BRIDGE}"], [refused])


def _drop_ipv6() -> None:
    """Drop IPv6: pods could reach each other and the node by link-local addresses."""
    if Path("/proc/sys/net/ipv6").exists():
        jumps = [f"-I {chain} -i {BRIDGE}" for chain in ("INPUT", "FORWARD")]
        _fill_chain("ip6tables", FORWARD_CHAIN, jumps, ["-j DROP"])


def _fill_chain(family: str, chain: str, jumps: list[str], rules: list[str]) -> None:
    """Create or replace a chain atomically; `jumps` are the rules that lead to it."""
    missing = [f"{jump} -j {chain}" for jump in jumps if not _is_there(family, f"{jump} -j {chain}")]
    lines = ["*filter", f":{chain} - [0:0]", *missing, *(f"-A {chain} {rule}" for rule in rules), "COMMIT", ""]
    run.output([f"{family}-restore", "--noflush"], stdin="\n".join(lines))


def _is_there(family: str, rule: str) -> bool:
    """Whether the rule exists already."""
    _, *rest = rule.split()
    return subprocess.run([family, "-C", *rest], capture_output=True, check=False).returncode == 0


def remove() -> None:
    """Remove bridge, leftover pod interfaces and rules."""
    for link in _pod_links():
        subprocess.run(["ip", "link", "delete", link], capture_output=True, check=False)
    for space in Path("/run/netns").glob("cni-*"):
        subprocess.run(["ip", "netns", "delete", space.name], capture_output=True, check=False)
    subprocess.run(["ip", "link", "delete", BRIDGE], capture_output=True, check=False)
    drop_chains(OUR_CHAINS)
    drop_service_tables()


def _pod_links() -> list[str]:
    """The host ends of the pods' veth pairs, which are ports of the bridge."""
    ports = Path(f"/sys/class/net/{BRIDGE}/brif")
    return [port.name for port in ports.iterdir()] if ports.exists() else []


def drop_chains(prefixes: tuple[str, ...]) -> None:
    """Remove chains with these prefixes and rules that jump to them, atomically per address family."""
    for family in ("iptables", "ip6tables"):
        if not shutil.which(f"{family}-save"):
            continue
        saved = run.output([f"{family}-save"])
        kept = [line for line in saved.splitlines() if not _mentions(line, prefixes)]
        if len(kept) < len(saved.splitlines()):
            run.output([f"{family}-restore"], stdin="\n".join([*kept, ""]))


def drop_service_tables() -> None:
    """Remove what kube-proxy leaves behind."""
    for table in service_tables_left():
        run.output(["nft", "delete", *table.split()])


def service_tables_left() -> list[str]:
    """The nftables tables of kube-proxy, such as `table ip kube-proxy`."""
    if not shutil.which("nft"):
        return []
    return [
        table for table in run.output(["nft", "list", "tables"]).splitlines() if table.split()[-1:] == [SERVICE_TABLE]
    ]


def _mentions(line: str, prefixes: tuple[str, ...]) -> bool:
    words = line.removeprefix(":").replace('"', "").split()
    return bool(words) and not line.startswith("#") and any(word.startswith(prefixes) for word in words)


def rules_left(prefixes: tuple[str, ...]) -> list[str]:
    """iptables rules that still mention such a chain."""
    families = [family for family in ("iptables", "ip6tables") if shutil.which(f"{family}-save")]
    return [
        line for family in families for line in run.output([f"{family}-save"]).splitlines() if _mentions(line, prefixes)
    ]
