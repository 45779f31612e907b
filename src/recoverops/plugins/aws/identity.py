"""Who we are in each account and region, asked at `recoverops check`: a wrong one is said before anything acts."""

from __future__ import annotations

from difflib import get_close_matches

from recoverops.model import MisconfiguredError, RecoverOpsError
from recoverops.plugins.aws.address import Place
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.sessions import sdk
from recoverops.plugins.aws.settings import AccountSettings


class IdentityCheck:
    """Implements `ports.LiveCheck`: one account with all of its regions."""

    def __init__(self, account: AccountSettings, calls: Calls) -> None:
        self._account = account
        self._calls = calls
        self.name = f"aws account {account.name}"

    def look(self) -> str:
        """Who we are there. Raises `RecoverOpsError` with what is wrong."""
        account, told = self._account, ""
        for region in account.regions:
            place = Place(account=account.name, account_id=account.id, region=region)
            _check_region(account, region)
            try:
                found = self._calls.read(place, "sts:GetCallerIdentity")
            except RecoverOpsError as error:
                raise type(error)(f"account {account.name}, region {region}: {error}") from error
            told = str(found["Arn"])
        return f"is {account.id}, as {told}, in {', '.join(account.regions)}"


def _check_region(account: AccountSettings, region: str) -> None:
    """Against the regions that the SDK knows. Raises `MisconfiguredError`."""
    session = sdk().session.Session()
    known = [
        one
        for partition in session.get_available_partitions()
        for one in session.get_available_regions("ec2", partition)
    ]
    if region not in known:
        near = get_close_matches(region, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; it knows: {', '.join(sorted(known))}"
        raise MisconfiguredError(f'account "{account.name}": the SDK knows no region "{region}"{hint}')
