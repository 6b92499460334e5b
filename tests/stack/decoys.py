"""A word, planted in every place in which a secret might lie: where a search misses it, the search is blind."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from kubernetes import client

from offline import docker_engine
from tests.cluster.places import pod
from tests.waiting import eventually


@contextmanager
def planted(core: client.CoreV1Api, word: str, image: str) -> Iterator[str]:
    """In a layer of `image`, and in a pod's manifest, environment, command line and log; its namespace is given."""
    engine = docker_engine.client()
    engine.images.build(fileobj=_context(word), custom_context=True, tag=image)
    namespace = f"decoy-{uuid4().hex[:6]}"
    core.create_namespace({"metadata": {"name": namespace}})
    try:
        eventually(lambda: core.list_namespaced_service_account(namespace).items, what="the service account")
        core.create_namespaced_pod(namespace, _pod(word))
        eventually(lambda: _says(core, namespace, word), 60, "the decoy")
        yield namespace
    finally:
        core.delete_namespace(namespace)
        engine.images.remove(image)


def _context(word: str) -> io.BytesIO:
    """What makes an image with one file."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name, content in {"Dockerfile": "FROM scratch\nCOPY word /word\n", "word": word}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content.encode()))
    context.seek(0)
    return context


def _pod(word: str) -> dict[str, object]:
    made = pod("decoy", f"echo {word}; /busybox sleep 900; true", {})
    made["spec"]["containers"][0]["env"].append({"name": "WORD", "value": word})
    return made


def _says(core: client.CoreV1Api, namespace: str, word: str) -> bool:
    if core.read_namespaced_pod("decoy", namespace).status.phase != "Running":
        return False
    return word in str(core.read_namespaced_pod_log("decoy", namespace))
