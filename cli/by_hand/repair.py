"""Before an update: what was changed by hand is taken back, or shown to the engine, which then puts it right."""

from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cli import stack
from cli.by_hand.edits import Edit, find, undo
from cli.by_hand.revealed import revealed
from cli.kubeconfig import api_client, contexts
from common import paths, run
from common.errors import CommandError
from offline import machine


def repair(name: str, context: str) -> list[Edit]:
    """The edits of stack `name` on kube context `context`, which the next update puts right."""
    if not stack.exists(name) or context not in contexts(machine.kubeconfig_files(context)):
        return []
    api = api_client(context)
    try:
        edits = find(api, revealed(stack.resources(name, reveal=True)))
        undo(api, edits)
    except (ApiException, HTTPError) as error:
        raise CommandError("the stack's objects can't be compared with the cluster's", str(error)) from None
    if edits:
        targets = [part for edit in edits for part in ("--target", edit.urn)]
        command = [str(machine.engine()), "refresh", "--stack", name, "--yes", "--skip-preview", "--non-interactive"]
        run.output([*command, *targets], environment=stack.environment(context), cwd=paths.REPOSITORY)
    return edits
