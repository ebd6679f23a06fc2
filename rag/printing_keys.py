"""What the command that makes keys prints."""

from __future__ import annotations

import json

from rag.settings.server import Key


def made(key: str, setting: Key) -> None:
    """A key, and what the service has to be told of it."""
    told = {"name": setting.name, "sha256": setting.sha256, "scopes": sorted(setting.scopes)}
    print(f"The key, shown this once: {key}")
    print("Under server.keys in a profile:")
    print(f"  - name: {setting.name}")
    print(f'    sha256: "{setting.sha256}"')  # one of digits alone would be a number
    print(f"    scopes: [{', '.join(sorted(setting.scopes))}]")
    print("or as a variable, with other keys in the same list:")
    print(f"  NONMUN_SERVER__KEYS='{json.dumps([told])}'")
    print("Programs show it as: Authorization: Bearer THE-KEY")
