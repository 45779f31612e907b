"""Clients of the SDK: for each account with the role's credentials, for reading and for changing apart.

boto3 is imported here and nowhere else. Clients are kept until the role's credentials are close to their end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from recoverops.model import ForbiddenError, MisconfiguredError, PermanentError, RecoverOpsError
from recoverops.plugins.aws.address import Place
from recoverops.plugins.aws.settings import AccountSettings, AwsSettings
from recoverops.ports import Clock

_EARLY = timedelta(minutes=5)
"""A role is assumed anew this long before its credentials end."""
_SESSION = "recoverops"

Translate = Callable[[Any, str, str], RecoverOpsError]


def need_sdk() -> None:
    """Raises `PermanentError` when boto3 is not installed: then the plugin is disabled, with this sentence."""
    if find_spec("boto3") is None:
        raise PermanentError("it needs boto3, which is not installed: pip install 'recoverops[aws]'")


def sdk() -> Any:
    """boto3, imported when it is first used."""
    import boto3

    return boto3


@lru_cache(maxsize=1)
def _loader() -> Any:
    """One reader of the SDK's service descriptions for all sessions: parsing EC2's takes some 200 ms."""
    from botocore.loaders import create_loader

    return create_loader()


def session_of(key: str | None, secret: str | None, token: str | None = None) -> Any:
    """A session of the SDK; without a key it finds its credentials itself."""
    boto3 = sdk()
    from botocore.session import get_session

    inner = get_session()
    inner.register_component("data_loader", _loader())
    return boto3.session.Session(
        aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token, botocore_session=inner
    )


def client_config(settings: AwsSettings, *, changes: bool, **more: Any) -> Any:
    """Time limits and attempts; the SDK never repeats a call that changes something."""
    from botocore.config import Config

    timeout_s = settings.timeout.total_seconds()
    attempts = 1 if changes else settings.attempts
    return Config(
        connect_timeout=timeout_s,
        read_timeout=timeout_s,
        retries={"total_max_attempts": attempts, "mode": "adaptive"},
        user_agent_appid="recoverops",
        **more,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Assumed:
    session: Any
    until: datetime | None
    """None for credentials that the SDK itself renews."""


class Sessions:
    """Thread-safe."""

    def __init__(
        self, settings: AwsSettings, *, clock: Clock, secret: Callable[[str], str], translate: Translate
    ) -> None:
        self._settings = settings
        self._accounts = {one.name: one for one in settings.accounts}
        self._clock = clock
        self._translate = translate
        self._key = None if settings.access_key is None else secret(settings.access_key)
        self._secret = None if settings.secret_key is None else secret(settings.secret_key)
        self._lock = threading.Lock()
        self._assumed: dict[str, _Assumed] = {}
        self._clients: dict[tuple[str, str, str, bool], Any] = {}

    def client(self, place: Place, service: str, *, changes: bool) -> Any:
        """A client, kept for the next time.

        Raises `MisconfiguredError` without credentials or with those of another account, `ForbiddenError` when the role
        is not to be had.
        """
        account = self._accounts.get(place.account)
        if account is None or account.id != place.account_id or place.region not in account.regions:
            raise MisconfiguredError(f"{place} is not in the accounts of the plugin aws any more; plan anew")
        with self._lock:
            session = self._session(account, place.region)
            key = (place.account, place.region, service, changes)
            if key not in self._clients:
                self._clients[key] = session.client(service, **self._options(changes=changes))
            return self._clients[key]

    def own_key(self) -> str | None:
        """The id of the access key that everything begins with."""
        found = session_of(self._key, self._secret).get_credentials()
        return None if found is None else str(found.access_key)

    def renew(self, account: str) -> None:
        """Forget the credentials of this account; the next call gets new ones."""
        with self._lock:
            self._forget(account)

    def _forget(self, account: str) -> None:
        self._assumed.pop(account, None)
        self._clients = {key: client for key, client in self._clients.items() if key[0] != account}

    def _session(self, account: AccountSettings, region: str) -> Any:
        known = self._assumed.get(account.name)
        if known is not None and known.until is not None and self._clock.now() >= known.until - _EARLY:
            self._forget(account.name)
            known = None
        if known is None:
            known = self._assumed[account.name] = self._assume(account)
        session: Any = known.session
        return _Regional(session, region)

    def _assume(self, account: AccountSettings) -> _Assumed:
        base = session_of(self._key, self._secret)
        if base.get_credentials() is None:
            raise MisconfiguredError(
                "there are no credentials for AWS: the SDK finds none in the environment, a profile or a role of this "
                "machine; give it some, or set access_key and secret_key of the plugin aws"
            )
        if account.role is None:
            self._check_account(base, account)
            return _Assumed(session=base, until=None)
        given = self._ask_for_role(base, account)
        session = session_of(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        return _Assumed(session=session, until=given["Expiration"])

    def _check_account(self, base: Any, account: AccountSettings) -> None:
        """Before anything else is asked with these credentials. A role's account stands in its name."""
        from botocore.exceptions import BotoCoreError, ClientError

        sts = base.client("sts", region_name=account.regions[0], **self._options(changes=False))
        try:
            found = sts.get_caller_identity()
        except (ClientError, BotoCoreError) as error:
            raise self._translate(error, "sts:GetCallerIdentity", f"account {account.name} ({account.id})") from error
        if found["Account"] != account.id:
            raise MisconfiguredError(
                f'account "{account.name}" is to be {account.id}, but the credentials in use are of '
                f"{found['Account']} ({found['Arn']}); correct its id, or name the role to assume there"
            )

    def _ask_for_role(self, base: Any, account: AccountSettings) -> Mapping[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        sts = base.client("sts", region_name=account.regions[0], **self._options(changes=False))
        asked: dict[str, str] = {"RoleArn": account.role or "", "RoleSessionName": _SESSION}
        if account.external_id is not None:
            asked["ExternalId"] = account.external_id
        try:
            credentials: Mapping[str, Any] = sts.assume_role(**asked)["Credentials"]
        except (ClientError, BotoCoreError) as error:
            told = self._translate(error, "sts:AssumeRole", f"account {account.name} ({account.id})")
            if type(told) in {ForbiddenError, PermanentError}:  # not one that says more, such as an expiry
                raise ForbiddenError(
                    f'account "{account.name}": the role {account.role} cannot be assumed: it is not there, it does '
                    "not trust the credentials in use, its external id is another one, or these lack sts:AssumeRole; "
                    "AWS does not say which"
                ) from error
            raise told from error
        return credentials

    def _options(self, *, changes: bool) -> dict[str, Any]:
        config = client_config(self._settings, changes=changes)
        return {"config": config, "endpoint_url": self._settings.endpoint_url}


@dataclass(frozen=True, slots=True)
class _Regional:
    """A session, bound to a region."""

    session: Any
    region: str

    def client(self, service: str, **options: Any) -> Any:
        return self.session.client(service, region_name=self.region, **options)
