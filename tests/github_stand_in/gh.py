"""GitHub's command line as far as `lepinet init --github` uses it, at the stand-in; it takes no option beside those.

https://cli.github.com/manual
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any

from github_stand_in.server import TOKEN


def send(method: str, path: str, body: Any) -> int:
    request = urllib.request.Request(  # noqa: S310 -- the stand-in's
        f"{os.environ['GITHUB_API_URL']}/{path}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request):  # noqa: S310 -- as above
            return 0
    except urllib.error.HTTPError as error:
        sys.stderr.write(f"gh: {json.load(error)['message']} (HTTP {error.code})\n")
        return 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="gh")
    commands = parser.add_subparsers(dest="command", required=True)
    auth = commands.add_parser("auth")
    auth.add_argument("token", choices=["token"])
    auth.add_argument("--hostname")
    api = commands.add_parser("api")
    api.add_argument("path")
    api.add_argument("--silent", action="store_true")
    api.add_argument("--method", required=True)
    api.add_argument("--input", choices=["-"], required=True)
    for kind in ("secret", "variable"):
        setting = commands.add_parser(kind)
        setting.add_argument("set", choices=["set"])
        setting.add_argument("name")
        setting.add_argument("--env", required=True)
        setting.add_argument("--repo", required=True)
    asked = parser.parse_args()
    if asked.command == "auth":
        sys.stdout.write(f"{TOKEN}\n")
        return 0
    given = sys.stdin.read()
    if asked.command == "api":
        return send(asked.method, asked.path, json.loads(given))
    place = f"repos/{asked.repo}/environments/{asked.env}/{asked.command}s"
    if asked.command == "variable":
        return send("POST", place, {"name": asked.name, "value": given})
    # Encrypted for GitHub's key, were it GitHub.
    encrypted = {"encrypted_value": base64.b64encode(given.encode()).decode(), "key_id": "1"}
    return send("PUT", f"{place}/{asked.name}", encrypted)


if __name__ == "__main__":
    sys.exit(main())
