"""Debian packages that the local cluster needs; only missing ones are installed."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from common import run
from common.errors import CommandError

# By package, a file or command that it provides: what exists already, from whatever source, is not installed again.
PACKAGES = {
    "docker.io": "dockerd",
    "containerd": "containerd",
    "runc": "runc",
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "iptables": "iptables",
    "nftables": "nft",
    "ipset": "ipset",
    "conntrack": "conntrack",
    "iproute2": "ip",
    "mount": "mount",
    "mmdebstrap": "mmdebstrap",
    "busybox-static": "/bin/busybox",
    "socat": "socat",
    "pigz": "unpigz",  # containerd unpacks layers with it, twice as fast as by itself
    "ca-certificates": "/etc/ssl/certs/ca-certificates.crt",
    "git": "git",
}
FOR_TESTS = {"chromium": "/usr/bin/chromium"}


def missing(packages: Mapping[str, str] = PACKAGES) -> Sequence[str]:
    """Packages whose file or command does not exist."""
    return [package for package, part in packages.items() if not (shutil.which(part) or Path(part).exists())]


def install(packages: Sequence[str]) -> None:
    """Install `packages` with apt-get, without starting their services."""
    if not packages:
        return
    if not shutil.which("apt-get"):
        raise CommandError(
            f"not installed: {', '.join(packages)}",
            "this machine has no apt-get",
            hint="install these with your distribution's package manager, then run the command again",
        )
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    hint = "check the network and the machine's package sources, then run the command again"
    run.logged("apt-update", ["apt-get", "update"], environment=quiet, hint=hint)
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    run.logged("apt-install", command, environment=quiet, hint=hint)
