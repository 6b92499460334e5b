"""All policies."""

from __future__ import annotations

from policies import data, iam, images

RULES = (images.RULE, iam.RULE, data.RULE)
