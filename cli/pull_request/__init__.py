"""The pull-request comment: what a change would do to each stack."""
