"""Provides the base image, `ml-platform/python:local`.

Where Docker Hub can be reached it is the public Python image (versions.toml); elsewhere it is built as a minimal Debian
with Python from Debian's packages. The built image contains this machine's CA bundle: behind a TLS-inspecting proxy, a
build inside a container reaches nothing without the proxy's certificate authority.
"""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import DockerException, ImageNotFound

from common.errors import CommandError
from common.versions import DEBIAN_SUITE as SUITE
from common.versions import PUBLIC_BASE_IMAGE as PUBLIC_IMAGE

IMAGE = "ml-platform/python:local"
LOOKUP_SECONDS = 5

PACKAGES = ("ca-certificates", "python3", "python3-venv", "tzdata", "usr-is-merged")
"""The last says that `/usr` is merged already: the package that would merge it needs Perl, a quarter of the image."""
_MERGED = "/usr/share/mmdebstrap/hooks/maybe-merged-usr"
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*")
CA_BUNDLE = "/etc/ssl/certs/host.crt"
RECIPE_LABEL = "ml-platform.io/recipe"
CA_VARIABLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")

Report = Callable[[str], None]


def ensure_base_image(client: docker.DockerClient, cache: Path, report: Report) -> str:
    """Pull, load or build the base image in the local engine; its name."""
    bundle = _host_ca_bundle()
    recipe = _recipe_digest(bundle)
    if _present(client, recipe) or _pull(client, report):
        return IMAGE
    archive = cache / f"base-image-{recipe}.tar"
    if archive.exists():
        _load(client, archive, report)
    else:
        _make(client, archive, recipe, bundle, report)
    return IMAGE


def _present(client: docker.DockerClient, recipe: str) -> bool:
    """A pulled image has no recipe label; a built one must have the current recipe, which includes the CA bundle."""
    try:
        labels = client.images.get(IMAGE).labels
    except ImageNotFound:
        return False
    return bool(labels.get(RECIPE_LABEL, recipe) == recipe)


def _pull(client: docker.DockerClient, report: Report) -> bool:
    """Request the manifest first: unlike a pull, that fails fast where the registry can't be reached."""
    usual, client.api.timeout = client.api.timeout, LOOKUP_SECONDS
    try:
        client.images.get_registry_data(PUBLIC_IMAGE)
    except (DockerException, requests.RequestException):
        return False
    finally:
        client.api.timeout = usual
    report(f"pulling {PUBLIC_IMAGE}")
    client.images.pull(PUBLIC_IMAGE).tag(IMAGE)
    return True


def _make(client: docker.DockerClient, archive: Path, recipe: str, bundle: Path, report: Report) -> None:
    """Build the image and keep its archive: loaded again it has the same id, so that layer caches hit."""
    report(f"building a base image from Debian {SUITE}")
    archive.parent.mkdir(parents=True, exist_ok=True)
    root = archive.with_suffix(".rootfs")
    try:
        _bootstrap(root, bundle)
        _import(client, root, recipe)
    finally:
        root.unlink(missing_ok=True)
    _save(client, archive)


def _host_ca_bundle() -> Path:
    bundle = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))
    if not bundle.is_file():
        raise CommandError(
            "the base image can't be built",
            f"there is no CA bundle at {bundle}",
            hint="install ca-certificates or set SSL_CERT_FILE",
        )
    return bundle


def _recipe_digest(bundle: Path) -> str:
    recipe = json.dumps([_bootstrap_command(Path("root"), Path("bundle")), _settings()])
    return hashlib.sha256(recipe.encode() + bundle.read_bytes()).hexdigest()[:16]


def _bootstrap_command(root: Path, bundle: Path) -> list[str]:
    return [
        "mmdebstrap",
        "--variant=minbase",
        "--format=tar",
        f"--include={','.join(PACKAGES)}",
        "--aptopt=APT::Install-Recommends false",
        "--aptopt=Acquire::Languages none",
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT),
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        f"--hook-dir={_MERGED}",
        f"--customize-hook=upload {bundle} {CA_BUNDLE}",
        SUITE,
        str(root),
    ]


def _bootstrap(root: Path, bundle: Path) -> None:
    log = root.with_suffix(".log")
    try:
        with log.open("wb") as output:
            subprocess.run(_bootstrap_command(root, bundle), stdout=output, stderr=subprocess.STDOUT, check=True)
    except FileNotFoundError:
        raise CommandError(
            "the base image can't be built", "mmdebstrap is not installed", hint="apt-get install mmdebstrap"
        ) from None
    except subprocess.CalledProcessError:
        reasons = [line[2:].strip() for line in log.read_text(errors="replace").splitlines() if line.startswith("E:")]
        why = next(iter(reasons), "no reason given")
        raise CommandError("mmdebstrap could not build the base image", why, log=log) from None
    log.unlink()


def _settings() -> list[str]:
    return [*(f"ENV {variable}={CA_BUNDLE}" for variable in CA_VARIABLES), 'CMD ["python3"]']


def _import(client: docker.DockerClient, root: Path, recipe: str) -> None:
    repository, tag = IMAGE.split(":")
    changes = [*_settings(), f"LABEL {RECIPE_LABEL}={recipe}"]
    client.api.import_image_from_file(str(root), repository=repository, tag=tag, changes=changes)


def _save(client: docker.DockerClient, archive: Path) -> None:
    """Write atomically: an interrupted save must not look like a cached image."""
    partial = archive.with_suffix(".partial")
    with partial.open("wb") as file:
        for chunk in client.images.get(IMAGE).save(named=True):
            file.write(chunk)
    partial.rename(archive)


def _load(client: docker.DockerClient, archive: Path, report: Report) -> None:
    report("loading the base image from the cache")
    with archive.open("rb") as file:
        loaded: list[Any] = client.images.load(file)
    if not any(IMAGE in image.tags for image in loaded):
        raise CommandError(
            "the base image can't be loaded",
            f"{archive} does not contain {IMAGE}",
            hint="delete that file and try again",
        )
