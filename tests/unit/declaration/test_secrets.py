"""Secrets: who owns and reads them, where their values come from, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.declaration.loader import declare, load
from infra.declaration.problems import DeclarationError
from tests.unit.declaration.samples import WHERE, accepted, on_aws, refusal, refused, small

KEY = {"secrets.key": {"team": "vision", "generate": True}}
GIVEN = {"secrets.token": {"team": "vision"}}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"secrets.key": {"team": "vison"}},
            "platform.secrets.key.team: team 'vison' is not declared; did you mean 'vision'?",
        ),
        (
            {"secrets.key": {"team": "platform"}, "training.digits.secrets": ["key"]},
            "platform.training.digits.secrets.0: secret 'key' belongs to team 'platform'; write a secret of team",
        ),
        (
            {"secrets.receivers": {"team": "platform"}},
            "platform.secrets.receivers: 'receivers' is reserved by the",
        ),
        ({"teams.platform": {}}, "platform.teams.platform: 'platform' is the name of the platform as an owner"),
        ({"secrets.tracking": {"team": "vision"}}, "platform.secrets.tracking: 'tracking' is reserved by the platform"),
        (
            {**KEY, "training.digits.secrets": ["kee"]},
            "platform.training.digits.secrets.0: secret 'kee' is not declared; did you mean 'key'?",
        ),
        (
            {"secrets.key": {"team": "speech"}, "serving.digits.secrets": ["key"]},
            "platform.serving.digits.secrets.0: secret 'key' belongs to team 'speech'; write a secret of team 'vision'",
        ),
        (
            {"secrets.key": {"team": "speech", "generate": True}, "serving.digits.apiKey": "key"},
            "platform.serving.digits.apiKey: secret 'key' belongs to team 'speech'; write a secret of team 'vision'",
        ),
        (
            {**GIVEN, "serving.digits.apiKey": "token"},
            "platform.serving.digits.apiKey: 'token' is not generated, so it cannot be rotated",
        ),
        ({**KEY, "rotations": {"kei": 1}}, "platform.rotations.kei: there is no generated secret 'kei'; did you mean"),
        ({**GIVEN, "rotations": {"token": 1}}, "platform.rotations.token: there is no generated secret 'token'"),
        ({**KEY, "rotations": {"key": -1}}, "platform.rotations.key: -1 is out of range; write at least 0"),
        (
            {"teams.ml-platform-devices": {}},
            "platform.teams.ml-platform-devices: 'ml-platform-devices' is the namespace",
        ),
        ({"teams.admin": {}}, "platform.teams.admin: 'admin' is the login name of the tracking server's"),
    ],
)
def test_a_secret_is_declared_owned_and_of_the_right_kind(root: Path, changes: dict[str, Any], line: str) -> None:
    (found,) = refused(root, **changes)
    assert found.startswith(f"{WHERE}: {line}")


def test_a_registry_without_a_password_has_none_to_renew(root: Path) -> None:
    (line,) = refusal(root, on_aws(rotations={"registry": 1}))
    assert "platform.rotations.registry: there is no generated secret 'registry'; known: tracking" in line
    assert accepted(root, rotations={"registry": 1}).rotations == {"registry": 1}


@pytest.mark.parametrize(
    ("secret", "given", "message"),
    [
        ({"team": "vision"}, {}, "has no value; run `pulumi config set --secret token`, or write generate: true"),
        ({"team": "vision"}, {"token": False}, "its value is in plain text; run `pulumi config set --secret token`"),
        (
            {"team": "vision", "generate": True},
            {"token": True},
            "is generated, but also has a value in the stack file; run `pulumi config rm",
        ),
    ],
)
def test_a_value_has_one_source_and_is_encrypted(
    root: Path, secret: dict[str, Any], given: dict[str, bool], message: str
) -> None:
    with pytest.raises(DeclarationError) as error:
        declare(small(**{"secrets.token": secret}), WHERE, root, given)
    assert str(error.value).startswith(f"{WHERE}: platform.secrets.token: {message}")


def test_a_given_value_that_is_encrypted_is_accepted(root: Path) -> None:
    assert declare(small(**GIVEN), WHERE, root, {"token": True}).secrets["token"].team == "vision"


def in_file(root: Path, **settings: object) -> list[str]:
    """The refusal of a stack file with more settings beside the platform's."""
    config = {
        "ml-platform:platform": small(**GIVEN),
        **{f"ml-platform:{key}": value for key, value in settings.items()},
    }
    file = root / WHERE
    file.write_text(yaml.safe_dump({"config": config}))
    try:
        load(file)
    except DeclarationError as error:
        return str(error).splitlines()
    return []


def test_a_stack_file_holds_encrypted_values_of_declared_secrets_only(root: Path) -> None:
    encrypted = {"secure": "v1:abc:def"}
    assert in_file(root, token=encrypted) == []
    (line,) = in_file(root, token="hunter2")
    assert "platform.secrets.token: its value is in plain text" in line
    assert "hunter2" not in line
    (line,) = in_file(root, token=encrypted, tokn=encrypted)
    assert line.endswith("config: unknown setting 'ml-platform:tokn'; did you mean 'ml-platform:token'?")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("-----BEGIN RSA " + "PRIVATE KEY-----", "a private key"),
        ("AKIA" + "Q" * 16, "an access key"),
        ("ghp_" + "x" * 36, "a token of GitHub"),
        ("glpat-" + "x" * 20, "a token of GitLab"),
        ("--token=hf_" + "x" * 34, "a token of Hugging Face"),
        ("xoxb-" + "1" * 12, "a token of Slack"),
        ("sk-" + "x" * 24, "an API key"),
        ("sk-proj-" + "Ab3_" * 10 + "-" + "xY7_" * 10, "an API key"),
        ("sk-ant-api03-" + "Ab-3_" * 3 + "xY7_" * 10, "an API key"),
        ("eyJ" + "x" * 10 + ".eyJ" + "y" * 10 + ".z", "a signed token"),
        ("postgresql://mlflow:hunter2@db/mlflow", "a password in an address"),
    ],
)
def test_what_looks_like_a_secret_is_refused_and_not_repeated(root: Path, text: str, kind: str) -> None:
    (line,) = refused(root, **{"training.digits.args": ["--gamma=1", text]})
    assert line.startswith(f"{WHERE}: platform.training.digits.args.1: looks like a secret ({kind}); declare it under")
    assert text not in line


KEPT = "declare it under 'secrets'"


@pytest.mark.parametrize(
    ("arguments", "position", "name"),
    [
        (["--password=Tr0ub4dor&3"], 0, "password"),
        (["--gamma=1", "--token", "0123456789abcdef" * 2], 2, "token"),
        (["--api-key", "correct-horse"], 1, "api-key"),
        (["-db_pass=hunter"], 0, "db_pass"),
        (["--passphrase", "correct horse battery"], 1, "passphrase"),
        (["--hub-token-2=abcdef"], 0, "hub-token-2"),
    ],
)
def test_a_secret_by_the_name_of_its_argument_is_refused(
    root: Path, arguments: list[str], position: int, name: str
) -> None:
    (line,) = refused(root, **{"training.digits.args": arguments})
    path = f"platform.training.digits.args.{position}"
    assert line.startswith(f"{WHERE}: {path}: looks like a secret (by the name of '{name}'); {KEPT}")
    assert arguments[position].rpartition("=")[2] not in line


def test_a_secret_among_a_build_s_arguments_would_be_in_a_layer(root: Path) -> None:
    (line,) = refused(root, **{"images.training.args": {"API_TOKEN": "correct-horse", "BASE_FLAVOUR": "large-one"}})
    path = "platform.images.training.args.API_TOKEN"
    assert line.startswith(f"{WHERE}: {path}: looks like a secret (by the name of 'API_TOKEN'); {KEPT}")
    assert "correct-horse" not in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["--token-file=/var/run/secrets/token/value", "--password", "/var/run/secrets/key/value"],
        ["--pad-token=[PAD]", "--eos_token", "<|endoftext|>", "--pass=3"],
        ["--max-tokens=100000", "--api-key", "--verbose-logging"],
        ["--unk-token", "unknown", "--eos-token=endoftext", "--additional_special_token_2", "speaker"],
        ["--template", "xoxo-hugs-and-kisses", "--from", "sk-learn-gradient-boosting"],
        ["--secret=arn:aws:secretsmanager:eu-central-1:123456789012:secret:login"],
    ],
)
def test_names_of_files_and_markers_pass(root: Path, arguments: list[str]) -> None:
    assert accepted(root, **{"training.digits.args": arguments}).training["digits"].args == tuple(arguments)


def test_a_model_of_any_name_is_no_key(root: Path) -> None:
    name = "sk-learn-gradient-boosting"
    training = {"team": "vision", "image": "training", "model": name}
    declared = accepted(root, **{f"models.{name}": {"team": "vision"}, f"training.{name}": training})
    assert name in declared.training


def test_an_endpoint_of_any_name_names_its_key(root: Path) -> None:
    endpoint = {"team": "vision", "image": "serving", "model": "digits", "apiKey": "digits-key"}
    secret = {"team": "vision", "generate": True}
    declared = accepted(root, **{"serving.args": endpoint, "secrets.digits-key": secret})
    assert declared.serving["args"].api_key == "digits-key"


@pytest.mark.parametrize("text", ["--gamma=0.001", "s3://bucket/prefix", "--seed=402463636", "http://a:80/b@c"])
def test_other_texts_pass(root: Path, text: str) -> None:
    assert accepted(root, **{"training.digits.args": [text]}).training["digits"].args == (text,)
