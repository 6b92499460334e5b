"""Stand-in for the `random` plugin: passwords, strings and ids that are drawn once and then kept in the state."""

from __future__ import annotations

import base64
import os
import secrets
from dataclasses import dataclass

from common.pulumi import urn_type
from offline.plugins.diff import Diff, changed_paths
from offline.plugins.marshal import UNKNOWN, Bag, Secret
from offline.plugins.provider import CheckError, Naming, Provider, ProviderError

PASSWORD = "random:index/randomPassword:RandomPassword"
STRING = "random:index/randomString:RandomString"
ID = "random:index/randomId:RandomId"

SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
CLASSES = {
    "lower": ("minLower", "abcdefghijklmnopqrstuvwxyz"),
    "upper": ("minUpper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "numeric": ("minNumeric", "0123456789"),
    "special": ("minSpecial", SPECIAL),
}
_META = {PASSWORD: '{"schema_version":"3"}', STRING: '{"schema_version":"2"}'}
_BCRYPT_LIMIT = 72


@dataclass(frozen=True)
class Recipe:
    """What a password is made of: each class of characters with how many of it there must be."""

    length: int
    classes: list[tuple[str, int]]

    def draw(self) -> str:
        required = [secrets.choice(characters) for characters, least in self.classes for _ in range(least)]
        every = "".join(characters for characters, _ in self.classes)
        drawn = required + [secrets.choice(every) for _ in range(self.length - len(required))]
        secrets.SystemRandom().shuffle(drawn)
        return "".join(drawn)


def _settings(inputs: Bag) -> Bag:
    """The inputs with the defaults that end up in the state; `number` is the older name of `numeric`."""
    numeric = inputs.get("numeric", inputs.get("number", True))
    flags = {name: inputs.get(name, True) for name in ("lower", "upper", "special")}
    least = {minimum: inputs.get(minimum, 0) for minimum, _ in CLASSES.values()}
    return {**inputs, **flags, **least, "numeric": numeric, "number": numeric}


def _recipe(settings: Bag) -> Recipe:
    characters = {**{name: text for name, (_, text) in CLASSES.items()}}
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


def _password(inputs: Bag, token: str) -> tuple[str, Bag]:
    settings = _settings(inputs)
    result = _recipe(settings).draw()
    outputs = {**settings, "__meta": _META[token]}
    if token == STRING:
        return result, {**outputs, "id": result, "result": result}
    return "none", {**outputs, "id": "none", "result": Secret(result), "bcryptHash": Secret(_bcrypt(result))}


def _bcrypt(text: str) -> str:
    import bcrypt

    return bcrypt.hashpw(text.encode()[:_BCRYPT_LIMIT], bcrypt.gensalt(10)).decode()


def _identifier(inputs: Bag) -> tuple[str, Bag]:
    drawn = os.urandom(int(inputs["byteLength"]))
    return _identifier_outputs(inputs, drawn)


def _identifier_outputs(inputs: Bag, drawn: bytes) -> tuple[str, Bag]:
    prefix = inputs.get("prefix", "")
    url = base64.urlsafe_b64encode(drawn).decode().rstrip("=")
    texts = {
        "b64Std": base64.b64encode(drawn).decode(),
        "b64Url": url,
        "hex": drawn.hex(),
        "dec": str(int.from_bytes(drawn, "big")),
    }
    return url, {**inputs, **{key: prefix + text for key, text in texts.items()}, "id": url}


class RandomProvider(Provider):
    """Every change of an input draws anew, as nothing here can be updated."""

    name = "random"
    accept_secrets = False

    def check(self, urn: str, olds: Bag, news: Bag, naming: Naming) -> Bag:
        needed = "byteLength" if urn_type(urn) == ID else "length"
        if needed not in news:
            raise CheckError([(needed, f"Missing required property '{needed}'")])
        if urn_type(urn) != ID:
            _check_password(news)
        return news

    def diff(self, urn: str, id: str, old_inputs: Bag, old_outputs: Bag, news: Bag, ignore_changes: list[str]) -> Diff:
        detailed = changed_paths(old_inputs, news)
        return Diff(detailed, replaces=sorted({path.split(".")[0].split("[")[0] for path in detailed}))

    def create(self, urn: str, inputs: Bag, preview: bool, timeout_s: float) -> tuple[str, Bag]:
        token = urn_type(urn)
        if token not in (PASSWORD, STRING, ID):
            raise ProviderError(f"the stand-in for the random plugin does not offer {token}")
        if preview:
            return "", {**inputs, **dict.fromkeys(_drawn(token), UNKNOWN)}
        return _identifier(inputs) if token == ID else _password(inputs, token)

    def read(self, urn: str, id: str, inputs: Bag, state: Bag) -> tuple[str, Bag, Bag] | None:
        if state:
            return id, inputs, state
        return _imported(urn_type(urn), id)


def _drawn(token: str) -> tuple[str, ...]:
    """The outputs that nobody knows before the draw."""
    if token == ID:
        return ("b64Std", "b64Url", "hex", "dec")
    return ("result", "bcryptHash") if token == PASSWORD else ("result",)


def _imported(token: str, id: str) -> tuple[str, Bag, Bag]:
    """An import takes the value itself as id."""
    if token == ID:
        drawn = base64.urlsafe_b64decode(id + "=" * (-len(id) % 4))
        inputs: Bag = {"byteLength": len(drawn)}
        return id, inputs, _identifier_outputs(inputs, drawn)[1]
    inputs = {"length": len(id)}
    outputs = {**_settings(inputs), "__meta": _META[token]}
    if token == STRING:
        return id, inputs, {**outputs, "id": id, "result": id}
    return "none", inputs, {**outputs, "id": "none", "result": Secret(id), "bcryptHash": Secret(_bcrypt(id))}


if __name__ == "__main__":
    RandomProvider.main()
