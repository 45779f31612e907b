"""Secrets that AWS keeps: `ssm:NAME` (Parameter Store) and `secretsmanager:NAME[#json-key]`.

No error of this file holds a value or a part of one. Which references there are is known from the configuration before
anything is asked, so the policy names exactly those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from recoverops.model import (
    ForbiddenError,
    MisconfiguredError,
    NotFoundError,
    PermanentError,
    RecoverOpsError,
    RetryableError,
)
from recoverops.plugins.aws.address import Place
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.keeping_settings import KeepingSettings
from recoverops.plugins.aws.settings import AccountSettings

T = TypeVar("T")
SSM, SECRETS_MANAGER = "ssm", "secretsmanager"
SCHEMES = (SSM, SECRETS_MANAGER)
GET_PARAMETER, GET_SECRET = "ssm:GetParameter", "secretsmanager:GetSecretValue"
_KINDS: tuple[type[RecoverOpsError], ...] = (ForbiddenError, MisconfiguredError, NotFoundError, PermanentError)
_PARAMETER = re.compile(r"(?:/[\w.-]+)+|[\w.-]+", re.ASCII)
_SECRET = re.compile(r"[\w/+=.@-]{1,512}", re.ASCII)


def keeping_place(settings: KeepingSettings, accounts: Sequence[AccountSettings]) -> Place:
    """Where they are. Raises `MisconfiguredError` when the settings leave that open: never "the first one"."""
    fitting = [one for one in accounts if settings.account in {None, one.name}]
    if len(fitting) != 1:
        known = ", ".join(one.name for one in accounts)
        raise MisconfiguredError(
            f"keeping.account is {settings.account!r}; name the account that has them, one of: {known}"
        )
    (account,) = fitting
    regions = [one for one in account.regions if settings.region in {None, one}]
    if len(regions) != 1:
        known = ", ".join(account.regions)
        raise MisconfiguredError(
            f"keeping.region is {settings.region!r}; name the region that has them, one of: {known}"
        )
    return Place(account=account.name, account_id=account.id, region=regions[0])


class Parameters:
    """Implements `ports.Secrets` for Parameter Store. A `SecureString` comes decrypted."""

    scheme = SSM

    def __init__(self, calls: Calls, place: Callable[[], Place]) -> None:
        self._calls = calls
        self._place = place

    def secret(self, name: str) -> str:
        return _about(f"{SSM}:{name}", lambda: self._value(name))

    def _value(self, name: str) -> str:
        found = read_parameter(self._calls, self._place(), parameter_name(name))
        if found is None:
            raise NotFoundError("there is no such parameter; make it, as a SecureString")
        return found


class ManagedSecrets:
    """Implements `ports.Secrets` for Secrets Manager: the whole text, or one key of a JSON object."""

    scheme = SECRETS_MANAGER

    def __init__(self, calls: Calls, place: Callable[[], Place]) -> None:
        self._calls = calls
        self._place = place

    def secret(self, name: str) -> str:
        return _about(f"{SECRETS_MANAGER}:{name}", lambda: self._value(*secret_name(name)))

    def _value(self, name: str, key: str | None) -> str:
        text = self._calls.read(self._place(), GET_SECRET, SecretId=name).get("SecretString")
        if not isinstance(text, str):
            raise PermanentError("it is binary; store it as text")
        return text if key is None else of_json(text, key)


def read_parameter(calls: Calls, place: Place, name: str) -> str | None:
    """None when there is no such parameter. Raises what `calls` raises, and `PermanentError` for a list."""
    try:
        found = calls.read(place, GET_PARAMETER, Name=name, WithDecryption=True)["Parameter"]
    except NotFoundError:
        return None
    if found["Type"] == "StringList":
        raise PermanentError("it is a StringList; make it a SecureString")
    return str(found["Value"])


def of_json(text: str, key: str) -> str:
    """The text under this key of a JSON object. Pure. Raises `PermanentError`, without anything of the text."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise PermanentError(f'it is no JSON object, so it has no key "{key}"; leave out #{key}, or store an object')
    value = found.get(key)
    if not isinstance(value, str):
        what = "has another type than text" if key in found else "is not there"
        raise PermanentError(f'its key "{key}" {what}')
    return value


def parameter_name(name: str) -> str:
    if not _PARAMETER.fullmatch(name) or len(name) > 1011:
        raise MisconfiguredError("this is no name of a parameter; write e.g. ssm:/shop/prod/token")
    return name


def secret_name(reference: str) -> tuple[str, str | None]:
    """The name, and the key of its JSON object if one is asked for."""
    name, hash_, key = reference.partition("#")
    if not _SECRET.fullmatch(name) or (hash_ and not key):
        raise MisconfiguredError("this is no name of a secret; write e.g. secretsmanager:shop/prod or ...#password")
    return name, key if hash_ else None


def keeping_grants(
    references: Sequence[str], parameters: Sequence[str], settings: KeepingSettings, place: Place
) -> Iterator[Grant]:
    """For exactly these references and these other parameters. Raises `MisconfiguredError` for names that are none."""
    wanted = [(SSM, name) for name in parameters]
    wanted += [(scheme, name) for scheme, _, name in (one.partition(":") for one in references)]
    for scheme, name in wanted:
        yield _about(f"{scheme}:{name}", partial(_grant, scheme, name, place))
    for scheme in sorted({scheme for scheme, _ in wanted}):
        for key in settings.keys:
            yield Grant(
                action="kms:Decrypt",
                arn=key,
                why="to decrypt them with your own key, by way of the service that keeps them",
                condition={"StringEquals": {"kms:ViaService": f"{scheme}.{place.region}.amazonaws.com"}},
                changes=False,
            )


def _grant(scheme: str, name: str, place: Place) -> Grant:
    where = f"{{partition}}:{scheme}:{place.region}:{place.account_id}"
    if scheme == SSM:
        arn = f"arn:{where}:parameter/{parameter_name(name).removeprefix('/')}"
        return Grant(action=GET_PARAMETER, arn=arn, why="to read what the configuration refers to", changes=False)
    arn = f"arn:{where}:secret:{secret_name(name)[0]}-??????"
    return Grant(action=GET_SECRET, arn=arn, why="to read what the configuration refers to", changes=False)


def _about(reference: str, work: Callable[[], T]) -> T:
    """What `work` gives; its errors name the reference."""
    told = f'the secret "{reference}" cannot be read'
    try:
        return work()
    except RetryableError as error:
        raise RetryableError(f"{told}: {error}", delay=error.delay) from error
    except (ForbiddenError, MisconfiguredError, NotFoundError, PermanentError) as error:
        kind = next(one for one in _KINDS if isinstance(error, one))
        raise kind(f"{told}: {error}") from error
