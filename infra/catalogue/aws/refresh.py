"""`python -m infra.catalogue.aws.refresh`: generates the catalogue of EC2 and the prices from published data.

Names come from botocore's model of EC2, properties from the descriptions in moto, prices from Go modules
(`refresh_prices`). None of them is needed by the program, which reads only the generated files.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.catalogue.aws import prices, refresh_prices

FILE = Path(__file__).with_name("instance_types.json")


def catalogue() -> dict[str, Any]:
    """Regions with the letters of their zones, and instance types with their properties."""
    from botocore.loaders import Loader
    from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    names = Loader().load_service_model("ec2", "service-2")["shapes"]["InstanceType"]["enum"]
    zones = RegionsAndZonesBackend.zones
    return {
        "regions": {region: "".join(sorted(zone.name[-1] for zone in zones[region])) for region in sorted(zones)},
        "instances": {name: instance(INSTANCE_TYPES.get(name)) for name in sorted(names)},
    }


def instance(described: Mapping[str, Any] | None) -> dict[str, Any]:
    """The properties that rules use; empty if only the name is known."""
    if described is None:
        return {}
    gpus = [gpu for gpu in described.get("GpuInfo", {}).get("Gpus", []) if gpu["Manufacturer"] == "NVIDIA"]
    cards = described["NetworkInfo"].get("NetworkCards", ())
    found = {
        "cpu": described["VCpuInfo"]["DefaultVCpus"],
        "memory": described["MemoryInfo"]["SizeInMiB"],
        "arch": described["ProcessorInfo"]["SupportedArchitectures"][-1],
        "gpus": sum(gpu.get("LogicalGpuCount") or gpu["Count"] for gpu in gpus),
        "gpu": gpus[0]["Name"] if gpus else "",
        "efa": described["NetworkInfo"].get("EfaInfo", {}).get("MaximumEfaInterfaces", 0),
        "efa_card": next(
            (card["NetworkCardIndex"] for card in cards if "efa-only" in card.get("InterfaceTypes", ())), 0
        ),
    }
    return {key: value for key, value in found.items() if value}


def text(content: Mapping[str, Any]) -> str:
    """One entry per line, so that diffs are readable."""
    sections = []
    for section, entries in content.items():
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items())
        sections.append(f"{json.dumps(section)}: {{\n{lines}\n}}")
    return "{\n" + ",\n".join(sections) + "\n}\n"


if __name__ == "__main__":
    content = catalogue()
    FILE.write_text(text(content), encoding="utf-8")
    priced = refresh_prices.prices(content["instances"], content["regions"])
    prices.FILE.write_text(text(priced), encoding="utf-8")
    print(f"wrote {FILE} and {prices.FILE}")
