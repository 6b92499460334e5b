"""The pods' bridge and the packet filter rules that let pods talk; both are taken away again without a trace.

Who may talk to whom is said by network policies; `network_policies` enforces them. Here is what holds without them:
only packets that it has passed are forwarded, or reach what listens on this machine (the API server, the kubelet), and
none of IPv6, whose link-local addresses it doesn't look at.
"""

import ipaddress
import json
import shutil
import subprocess
from pathlib import Path

from common import paths, run
from common.errors import WorkstationError
from offline.cluster.addresses import BRIDGE, NODE_IP, POD_CIDR

CNI_CONFIG = paths.CLUSTER / "cni"
FORWARD_CHAIN, INPUT_CHAIN = "ML-PLATFORM-FORWARD", "ML-PLATFORM-INPUT"
PASSED = "0x20000/0x20000"
"""kube-router's mark: it knows a pod at one of the packet's ends, and the policies of that pod, if any, allow it."""

OUR_CHAINS = ("KUBE-", "CNI-", "ML-PLATFORM-")
"""Beginnings of the names of the chains that kubelet, kube-proxy, kube-router, CNI plugins and this file make."""


def create() -> None:
    """Bridge, forwarding and CNI configuration; safe to repeat."""
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
    """Services and policies are packet filter rules; the kernel must apply them on the bridge too."""
    switches = [Path(f"/proc/sys/net/bridge/bridge-nf-call-{family}") for family in ("iptables", "ip6tables")]
    if not switches[0].exists():
        subprocess.run(["modprobe", "br_netfilter"], capture_output=True, check=False)
    if not switches[0].exists():
        raise WorkstationError("pods can't reach services", "the kernel has no br_netfilter", hint="load br_netfilter")
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
    """Docker sets the FORWARD policy to DROP, a machine without it to ACCEPT: a chain of our own decides on pods.

    What bears no mark comes from or goes to a pod that is too new to be known, and stays closed until it is.
    """
    dropped = [f"{side} {POD_CIDR} -j DROP" for side in ("-s", "-d")]
    _fill_chain("iptables", FORWARD_CHAIN, ["-I FORWARD"], [f"-m mark --mark {PASSED} -j ACCEPT", *dropped])


def _let_in_what_has_passed() -> None:
    """The same for what a pod sends to this machine itself; answers, as to a probe, come in from pods of any age.

    At the end of INPUT, whose beginning kube-router takes: it marks packets there.
    """
    refused = f"-m conntrack ! --ctstate RELATED,ESTABLISHED -m mark ! --mark {PASSED} -j DROP"
    _fill_chain("iptables", INPUT_CHAIN, [f"-A INPUT -i {BRIDGE}"], [refused])


def _drop_ipv6() -> None:
    """Each end of a bridge has a link-local address, at which pods would reach each other and the node."""
    if Path("/proc/sys/net/ipv6").exists():
        jumps = [f"-I {chain} -i {BRIDGE}" for chain in ("INPUT", "FORWARD")]
        _fill_chain("ip6tables", FORWARD_CHAIN, jumps, ["-j DROP"])


def _fill_chain(family: str, chain: str, jumps: list[str], rules: list[str]) -> None:
    """Our chain with these rules, in one step; `jumps` say from where packets come to it."""
    missing = [f"{jump} -j {chain}" for jump in jumps if not _is_there(family, f"{jump} -j {chain}")]
    lines = ["*filter", f":{chain} - [0:0]", *missing, *(f"-A {chain} {rule}" for rule in rules), "COMMIT", ""]
    run.output([f"{family}-restore", "--noflush"], stdin="\n".join(lines))


def _is_there(family: str, rule: str) -> bool:
    """Whether there is a rule like the one that is to be added."""
    _, *rest = rule.split()
    return subprocess.run([family, "-C", *rest], capture_output=True, check=False).returncode == 0


def remove() -> None:
    """Take bridge, leftover pod interfaces and rules away."""
    for link in _pod_links():
        subprocess.run(["ip", "link", "delete", link], capture_output=True, check=False)
    for space in Path("/run/netns").glob("cni-*"):
        subprocess.run(["ip", "netns", "delete", space.name], capture_output=True, check=False)
    subprocess.run(["ip", "link", "delete", BRIDGE], capture_output=True, check=False)
    drop_chains(OUR_CHAINS)


def _pod_links() -> list[str]:
    """Host ends of pods' interfaces, which are ports of the bridge."""
    ports = Path(f"/sys/class/net/{BRIDGE}/brif")
    return [port.name for port in ports.iterdir()] if ports.exists() else []


def drop_chains(prefixes: tuple[str, ...]) -> None:
    """Remove each packet filter chain whose name begins so, and each rule that jumps there, in one step a family."""
    for family in ("iptables", "ip6tables"):
        if not shutil.which(f"{family}-save"):
            continue
        saved = run.output([f"{family}-save"])
        kept = [line for line in saved.splitlines() if not _mentions(line, prefixes)]
        if len(kept) < len(saved.splitlines()):
            run.output([f"{family}-restore"], stdin="\n".join([*kept, ""]))


def _mentions(line: str, prefixes: tuple[str, ...]) -> bool:
    words = line.removeprefix(":").replace('"', "").split()
    return bool(words) and not line.startswith("#") and any(word.startswith(prefixes) for word in words)


def rules_left(prefixes: tuple[str, ...]) -> list[str]:
    """Packet filter lines that still mention a chain of ours."""
    families = [family for family in ("iptables", "ip6tables") if shutil.which(f"{family}-save")]
    return [
        line for family in families for line in run.output([f"{family}-save"]).splitlines() if _mentions(line, prefixes)
    ]
