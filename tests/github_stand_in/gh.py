"""GitHub's command line as far as `lepinet init --github` and release.yml use it, at the stand-in; no other option.

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
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from github_stand_in.server import TOKEN


def write_gh(folder: Path) -> Path:
    """Put the command into a folder, which is made; the folder."""
    folder.mkdir()
    gh = folder / "gh"
    tests = Path(__file__).parents[1]
    gh.write_text(f'#!/bin/sh\nPYTHONPATH={tests} exec {sys.executable} -m github_stand_in.gh "$@"\n')
    gh.chmod(0o755)
    return folder


def send(method: str, path: str, body: Any = None) -> Any:
    """What is answered; a file is sent as it is.

    Raises:
        HTTPError: GitHub does not take it.
    """
    is_file = isinstance(body, bytes)
    request = urllib.request.Request(  # noqa: S310 -- the stand-in's
        f"{os.environ['GITHUB_API_URL']}/{path}",
        body if is_file else None if body is None else json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {os.environ.get('GH_TOKEN', TOKEN)}",
            "Content-Type": f"application/{'octet-stream' if is_file else 'json'}",
        },
        method=method,
    )
    with urllib.request.urlopen(request) as answered:  # noqa: S310 -- as above
        return json.loads(answered.read() or "null")


def set_variable(place: str, name: str, value: str) -> None:
    """Made, or given another value."""
    if any(one["name"] == name for one in send("GET", place)["variables"]):
        send("PATCH", f"{place}/{name}", {"value": value})
    else:
        send("POST", place, {"name": name, "value": value})


def release(asked: argparse.Namespace, files: list[Path]) -> None:
    """A draft, until all of its files are there."""
    repository = f"repos/{os.environ['GH_REPO']}"
    send("GET", f"{repository}/git/ref/tags/{asked.tag}")
    notes = Path(asked.notes_file).read_text(encoding="utf-8")
    made = send(
        "POST", f"{repository}/releases", {"tag_name": asked.tag, "name": asked.title, "body": notes, "draft": True}
    )
    for file in files:
        send("POST", f"{repository}/releases/{made['id']}/assets?{urlencode({'name': file.name})}", file.read_bytes())
    send("PATCH", f"{repository}/releases/{made['id']}", {"draft": False})


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
        setting.add_argument("--env", required=kind == "secret", help="without it, of the repository")
        setting.add_argument("--repo", required=True)
    releasing = commands.add_parser("release")
    releasing.add_argument("create", choices=["create"])
    releasing.add_argument("tag")
    releasing.add_argument("--verify-tag", action="store_true", required=True)
    releasing.add_argument("--title", required=True)
    releasing.add_argument("--notes-file", required=True)
    # argparse takes no more of them after an option.
    asked, files = parser.parse_known_args()
    if files and (asked.command != "release" or any(file.startswith("-") for file in files)):
        parser.error(f"not foreseen: {files}")
    try:
        carry_out(asked, [Path(file) for file in files])
    except urllib.error.HTTPError as error:
        sys.stderr.write(f"gh: {json.load(error)['message']} (HTTP {error.code})\n")
        return 1
    return 0


def carry_out(asked: argparse.Namespace, files: list[Path]) -> None:
    match asked.command:
        case "auth":
            sys.stdout.write(f"{TOKEN}\n")
        case "api":
            send(asked.method, asked.path, json.load(sys.stdin))
        case "release":
            release(asked, files)
        case "variable":
            of = f"environments/{asked.env}" if asked.env else "actions"
            set_variable(f"repos/{asked.repo}/{of}/variables", asked.name, sys.stdin.read())
        case "secret":
            # Encrypted for GitHub's key, were it GitHub.
            given = {"encrypted_value": base64.b64encode(sys.stdin.buffer.read()).decode(), "key_id": "1"}
            send("PUT", f"repos/{asked.repo}/environments/{asked.env}/secrets/{asked.name}", given)


if __name__ == "__main__":
    sys.exit(main())
