"""The policy pack: `pulumi preview --policy-pack policies`."""

import sys
from pathlib import Path

from pulumi_policy import PolicyPack

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the engine starts this folder, not the project's
    from policies.rules import RULES

    PolicyPack(name="ml-platform", policies=[rule.policy() for rule in RULES])
