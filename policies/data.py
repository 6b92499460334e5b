"""Data stores are not deleted by mistake."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs

from infra.catalogue.data_stores import data_store
from policies.declared import setting
from policies.rule import ResourceRule, differs, missing


def _unprotected(args: ResourceValidationArgs) -> Iterator[str]:
    store = data_store(args.resource_type, args.props)
    if store is not None and store.protected and not args.opts.protect and not _released(args.urn):
        yield f"this {store.called} is not protected: `pulumi destroy` would delete its data"


def _deletable(args: ResourceValidationArgs) -> Iterator[str]:
    store = data_store(args.resource_type, args.props)
    if store is None or store.refuses_deletion is None or _released(args.urn):
        return
    option, wanted = store.refuses_deletion
    unset_is_right = not wanted and missing(args.props, option)
    if not unset_is_right and differs(args.props, option, wanted=wanted):
        yield f"AWS would delete this {store.called} with its content ({option})"


def _released(urn: str) -> bool:
    """Whether the declaration sets `protectData: false`."""
    return setting(urn, "protectData") is False


RULES = (
    ResourceRule(
        name="protected-data",
        reason="Data stores are protected, unless the declaration sets protectData: false.",
        fix="set protect=True in its options, or protectData: false in the declaration",
        check=_unprotected,
        refuses="encrypted(aws.s3.Bucket(name, opts=on_aws))",
        passes="encrypted(aws.s3.Bucket(name, opts=kept))",
    ),
    ResourceRule(
        name="deletion-refused",
        reason="AWS refuses to delete data stores, unless the declaration sets protectData: false.",
        fix="turn deletion protection on and forced deletion off, or set protectData: false in the declaration",
        check=_deletable,
        refuses="encrypted(aws.s3.Bucket(name, force_destroy=True, opts=kept))",
        passes="encrypted(aws.s3.Bucket(name, force_destroy=False, opts=kept))",
    ),
)
