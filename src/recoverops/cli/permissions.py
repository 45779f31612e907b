"""`recoverops permissions`: the rights that a plugin needs from the other side, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from recoverops.cli.exits import told_errors
from recoverops.cli.options import ConfigOption, JsonOption, print_json, settings_of
from recoverops.model import NotFoundError, to_plain


def permissions(
    plugin: Annotated[str, typer.Argument(help="The plugin, by its name in the configuration, e.g. aws.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the smallest policy for exactly what is enabled, with the reason for each statement. Asks nobody."""
    from recoverops.app.plugins import load_plugins
    from recoverops.clock import SystemClock

    with told_errors():
        loaded = load_plugins(settings_of(config), SystemClock(), only=plugin)
        if plugin not in loaded.policies:
            status = next((one.statement for one in loaded.statuses if one.name == f"plugin {plugin}"), None)
            why = status or "the configuration does not name it"
            loaded = load_plugins(settings_of(config), SystemClock())
            known = ", ".join(sorted(loaded.policies)) or "none of those named"
            raise NotFoundError(f'the plugin "{plugin}" has no policy: {why}; plugins with one: {known}')
        found = loaded.policies[plugin]
    if as_json:
        print_json({"policies": [to_plain(one) for one in found]})
        return
    for one in found:
        print(f"# {one.name}")
        for statement, why in one.explained.items():
            print(f"#   {statement}: {why}")
        print(one.document)
