"""Dynamic provisioning of local volumes: a folder for each claim of the default StorageClass, deleted with the claim.

`volumes` starts it as a background process. It creates `local` volumes, since `hostPath` volumes ignore fsGroup.
"""

import logging
import shutil
import threading
import time
from collections.abc import Callable
from typing import Any

from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException

from common import paths
from offline.cluster.addresses import NODE_NAME, PROVISIONER, STORAGE_CLASS
from offline.cluster.volumes import READY

VOLUMES = paths.CLUSTER / "volumes"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"

_START_OVER_S = 30

log = logging.getLogger("volumes")


def provision(core: client.CoreV1Api, claim: Any) -> None:
    """Create folder and volume for a claim whose pod is scheduled to this node."""
    annotations = claim.metadata.annotations or {}
    waits = claim.status.phase == "Pending" and claim.spec.storage_class_name == STORAGE_CLASS
    if not waits or annotations.get(SELECTED_NODE) != NODE_NAME:
        return
    name = f"pvc-{claim.metadata.uid}"
    folder = VOLUMES / name
    folder.mkdir(parents=True, exist_ok=True)
    # The kubelet applies fsGroup only for the first pod that mounts the volume, which may be one that just reads.
    folder.chmod(0o777)
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE_NAME]}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "accessModes": claim.spec.access_modes,
            "capacity": {"storage": claim.spec.resources.requests["storage"]},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": claim.metadata.namespace,
                "name": claim.metadata.name,
                "uid": claim.metadata.uid,
            },
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": STORAGE_CLASS,
            "volumeMode": "Filesystem",
        },
    }
    try:
        core.create_persistent_volume(volume)
        log.info("created %s for %s/%s", name, claim.metadata.namespace, claim.metadata.name)
    except ApiException as error:
        if error.status != 409:
            raise


def reclaim(core: client.CoreV1Api, volume: Any) -> None:
    """Delete a released volume of ours and its folder."""
    ours = (volume.metadata.annotations or {}).get(PROVISIONED_BY) == PROVISIONER
    if not ours or volume.status.phase != "Released" or volume.metadata.deletion_timestamp:
        return
    shutil.rmtree(VOLUMES / volume.metadata.name, ignore_errors=True)
    try:
        core.delete_persistent_volume(volume.metadata.name)
        log.info("removed %s", volume.metadata.name)
    except ApiException as error:
        if error.status != 404:
            raise


def follow(listing: Callable[..., Any], act: Callable[[Any], None]) -> None:
    """Call `act` for each existing object and each change, forever.

    The list starts over now and then, so that an object which failed is tried again.
    """
    while True:
        try:
            for event in watch.Watch().stream(listing, timeout_seconds=_START_OVER_S):
                attempt(act, event["object"])
        except Exception as error:  # a restart of the API server must not end the provisioner
            log.warning("watch ended: %s", error)
            time.sleep(1)


def attempt(act: Callable[[Any], None], found: Any) -> None:
    """One object that fails keeps no other one waiting."""
    try:
        act(found)
    except Exception as error:  # whatever it is, there are other objects
        log.warning("%s: %s", found.metadata.name, error)


def main() -> None:
    """Run until terminated."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    config.load_kube_config()
    core = client.CoreV1Api()
    claims = (core.list_persistent_volume_claim_for_all_namespaces, lambda claim: provision(core, claim))
    volumes = (core.list_persistent_volume, lambda volume: reclaim(core, volume))
    threads = [threading.Thread(target=follow, args=pair) for pair in (claims, volumes)]
    for thread in threads:
        thread.start()
    READY.touch()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
