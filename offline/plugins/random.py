"""Stand-in for the `random` plugin: passwords that are generated once and then kept in the state."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from common.pulumi import urn_type
from offline.plugins.diff import Diff, changed_paths
from offline.plugins.marshal import UNKNOWN, Bag, Secret
from offline.plugins.provider import CheckError, Naming, Provider, ProviderError

PASSWORD = "random:index/randomPassword:RandomPassword"

SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
CLASSES = {
    "lower": ("minLower", "abcdefghijklmnopqrstuvwxyz"),
    "upper": ("minUpper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "numeric": ("minNumeric", "0123456789"),
    "special": ("minSpecial", SPECIAL),
}
_META = '{"schema_version":"3"}'
_BCRYPT_LIMIT = 72


@dataclass(frozen=True)
class Recipe:
    """A password's length, and each class of characters with its minimum."""

    length: int
    classes: list[tuple[str, int]]

    def generate(self) -> str:
        required = [secrets.choice(characters) for characters, least in self.classes for _ in range(least)]
        every = "".join(characters for characters, _ in self.classes)
        generated = required + [secrets.choice(every) for _ in range(self.length - len(required))]
        secrets.SystemRandom().shuffle(generated)
        return "".join(generated)


def _settings(inputs: Bag) -> Bag:
    """The inputs with the defaults that end up in the state; `number` is the older name of `numeric`."""
    numeric = inputs.get("numeric", inputs.get("number", True))
    flags = {name: inputs.get(name, True) for name in ("lower", "upper", "special")}
    least = {minimum: inputs.get(minimum, 0) for minimum, _ in CLASSES.values()}
    return {**inputs, **flags, **least, "numeric": numeric, "number": numeric}


def _recipe(settings: Bag) -> Recipe:
    characters = {name: text for name, (_, text) in CLASSES.items()}
    characters["special"] = settings.get("overrideSpecial") or SPECIAL
    chosen = [(characters[name], int(settings[minimum])) for name, (minimum, _) in CLASSES.items() if settings[name]]
    return Recipe(int(settings["length"]), chosen)


def _check_password(inputs: Bag) -> None:
    settings = _settings(inputs)
    if any(value is UNKNOWN for value in settings.values()):
        return
    length, least = settings["length"], sum(settings[minimum] for minimum, _ in CLASSES.values())
    if length < 1 or length < least:
        raise CheckError([("length", f"length must be at least 1 and at least the sum of the minimums, {least}")])
    if not _recipe(settings).classes:
        raise CheckError([("", "at least one of lower, upper, numeric and special must be true")])


def _outputs(inputs: Bag, result: str) -> Bag:
    hashed = Secret(_bcrypt(result))
    return {**_settings(inputs), "__meta": _META, "id": "none", "result": Secret(result), "bcryptHash": hashed}


def _bcrypt(text: str) -> str:
    import bcrypt

    return bcrypt.hashpw(text.encode()[:_BCRYPT_LIMIT], bcrypt.gensalt(10)).decode()


class RandomProvider(Provider):
    """Every change of an input generates a new password: nothing here can be updated."""

    name = "random"
    accept_secrets = False

    def check(self, urn: str, olds: Bag, news: Bag, naming: Naming) -> Bag:
        token = urn_type(urn)
        if token != PASSWORD:
            raise ProviderError(f"the stand-in for the random plugin does not support {token}; use the official plugin")
        if "length" not in news:
            raise CheckError([("length", "Missing required property 'length'")])
        _check_password(news)
        return news

    def diff(self, urn: str, id: str, old_inputs: Bag, old_outputs: Bag, news: Bag, ignore_changes: list[str]) -> Diff:
        detailed = changed_paths(old_inputs, news)
        return Diff(detailed, replaces=sorted({path.split(".")[0].split("[")[0] for path in detailed}))

    def create(self, urn: str, inputs: Bag, preview: bool, timeout_s: float) -> tuple[str, Bag]:
        if preview:
            return "", {**inputs, "result": UNKNOWN, "bcryptHash": UNKNOWN}
        return "none", _outputs(inputs, _recipe(_settings(inputs)).generate())

    def read(self, urn: str, id: str, inputs: Bag, state: Bag) -> tuple[str, Bag, Bag] | None:
        if state:
            return id, inputs, state
        inputs = {"length": len(id)}  # an import: the id is the password itself
        return "none", inputs, _outputs(inputs, id)


if __name__ == "__main__":
    RandomProvider.main()
