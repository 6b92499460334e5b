"""Stand-in for the `aws` plugin, for previews only: it answers with the inputs and never reaches AWS.

`plugin.py` is the provider. `resources.json` says of each resource type whether it has tags and which changed
properties replace it; `record.py` writes that file again from the schema of the official plugin.
"""
