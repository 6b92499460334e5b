"""Kubeconfig files for people and for the cluster's components."""

import os
from pathlib import Path

import yaml

from common import paths
from offline.cluster.addresses import API_PORT, CONTEXT


def files(context: str) -> str:
    """The files to search for a context: our own for the local cluster, the user's for any other; never both.

    The format is that of $KUBECONFIG: there may be several.
    """
    if context == CONTEXT:
        return str(paths.KUBECONFIG)
    return os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")


def write(path: Path, authority: Path, certificate: Path, key: Path) -> Path:
    """A kubeconfig with the context of the local cluster, with mode 0600."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": CONTEXT,
                "cluster": {"server": f"https://127.0.0.1:{API_PORT}", "certificate-authority": str(authority)},
            }
        ],
        "users": [{"name": CONTEXT, "user": {"client-certificate": str(certificate), "client-key": str(key)}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
        "current-context": CONTEXT,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path
