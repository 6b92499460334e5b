"""Generates the prices of EC2 and RDS in `prices.json` from two Go modules, which carry AWS's published prices.

- Karpenter's, released monthly: EC2 in us-east-1.
- ec2-instances-info: the data of ec2instances.info, EC2 (with spot prices) and RDS in all regions, which is older.

A price of the older module is left out where the newer one shows that the type's price has changed since. Prices of
other services are kept by hand and stay as they are.
"""

import json
import re
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from infra.catalogue.aws.prices import ELSEWHERE, FILE

KARPENTER = "github.com/aws/karpenter-provider-aws@v1.15.2"
ALL_REGIONS = "github.com/cristim/ec2-instances-info@v0.0.0-20250528091325-32acf84f42eb"
_EXACT = 5e-5
"""Dollars; Karpenter rounds to a millionth, the other module to less."""


def prices(instances: Mapping[str, Mapping[str, Any]], regions: Mapping[str, str]) -> dict[str, Any]:
    """The new content of the file: prices of the instance types for amd64, and of database classes, in `regions`."""
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    newer, newest_date = _of_karpenter()
    everywhere = zipfile.ZipFile(_module(ALL_REGIONS))
    described = {name for name, entry in instances.items() if entry.get("arch") == "x86_64"}
    machines = _json(everywhere, "data/instances.json")
    older = {entry["instance_type"]: _in_regions(entry["pricing"], "linux", regions) for entry in machines}
    spot = {entry["instance_type"]: _on_spot(entry["pricing"], regions) for entry in machines}
    databases = {
        entry["instance_type"]: _in_regions(entry["pricing"], "PostgreSQL", regions)
        for entry in _json(everywhere, "data/rds-instances.json")
    }
    ec2 = {name: _merged(older.get(name, {}), newer.get(name)) for name in sorted(described)}
    oldest_date = _date(ALL_REGIONS)
    content["dates"] = {
        "instances": {"*": oldest_date, ELSEWHERE: newest_date},
        "databases": {"*": oldest_date},
        "spot": {"*": oldest_date},
    }
    content["instances"] = {name: prices for name, prices in ec2.items() if prices}
    content["spot"] = {
        name: spot[name] for name, prices in ec2.items() if spot.get(name) and prices.keys() - {ELSEWHERE}
    }
    content["databases"] = {name: databases[name] for name in sorted(databases) if databases[name]}
    return content


def _merged(older: Mapping[str, float], newer: float | None) -> dict[str, float]:
    if newer is None:
        return {}  # no longer offered, or not for on-demand use
    unchanged = ELSEWHERE in older and abs(older[ELSEWHERE] - newer) < _EXACT
    return dict(sorted({**(older if unchanged else {}), ELSEWHERE: newer}.items()))


def _in_regions(pricing: Mapping[str, Any], kind: str, regions: Mapping[str, str]) -> dict[str, float]:
    found = {region: prices.get(kind, {}).get("ondemand") for region, prices in pricing.items() if region in regions}
    return {region: float(price) for region, price in sorted(found.items()) if price not in (None, "0", "N/A")}


def _on_spot(pricing: Mapping[str, Any], regions: Mapping[str, str]) -> dict[str, list[float]]:
    """Of types whose on-demand price has changed since, they are left out, too."""
    ranges = {
        region: [prices.get("linux", {}).get(bound) for bound in ("spot_min", "spot_max")]
        for region, prices in pricing.items()
        if region in regions
    }
    return {
        region: [float(price) for price in found]
        for region, found in sorted(ranges.items())
        if all(price not in (None, "", "0", "N/A") for price in found)
    }


def _of_karpenter() -> tuple[dict[str, float], str]:
    """Prices in us-east-1, and the day on which Karpenter's maintainers asked AWS for them."""
    name = "pkg/providers/pricing/zz_generated.pricing_aws.go"
    text = _read(zipfile.ZipFile(_module(KARPENTER)), name).decode()
    made = re.search(r"// generated at (\d{4}-\d\d-\d\d)", text)
    if made is None:
        raise ValueError(f"{name} of {KARPENTER} has another format")
    return {found[1]: float(found[2]) for found in re.finditer(r'"([a-z0-9-]+\.[a-z0-9-]+)": ([0-9.]+)', text)}, made[1]


def _module(name: str) -> Path:
    """The archive of a Go module, checked against Go's checksum database. Nothing of it is built, so that a newer Go
    than the installed one, which a module may ask for, is no error."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["go", "mod", "download", "-json", name]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout or "{}")
    if "Zip" not in found:
        raise RuntimeError(f"{name} can't be downloaded: {found.get('Error') or done.stderr}")
    return Path(found["Zip"])


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    (found,) = [entry for entry in archive.namelist() if entry.partition("@")[2].partition("/")[2] == name]
    return archive.read(found)


def _json(archive: zipfile.ZipFile, name: str) -> Any:
    return json.loads(_read(archive, name))


def _date(module: str) -> str:
    """Of a version that is a commit's time."""
    return str(date.fromisoformat(module.rsplit("-", 2)[1][:8]))
