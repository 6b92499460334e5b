"""Stand-in for the `aws` plugin: previews without calling anything, and `up` against an AWS emulator on loopback.

Each resource type is one entry of a table (`kinds/`): which operations make, change, describe and delete it, and what a
change replaces. botocore's own models of the AWS API turn properties into requests and check them.

Reading order: `kind.py` (what an entry says), `kinds/` (the entries), `plugin.py` (the provider), `inputs.py` (names,
defaults, tags, differences), `lifecycle.py` (an entry carried out) on `view.py` (what is known of a resource),
`translate.py` (properties to requests and back), `templates.py`, `tagging.py`, `api.py` (boto3, and nothing but
loopback), `kept.py` (what the emulator can't hold), `functions.py` with `policy_document.py`.
"""
