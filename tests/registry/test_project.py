"""Addresses and keys of Supabase projects: what is refused before anything is sent, and that no key is ever shown."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest

from lepinet.errors import UsageError
from lepinet.registry.project import Project, User

REFERENCE = "abcdefghijklmnopqrst"
URL = f"https://{REFERENCE}.supabase.co"
SECRET = "sb_secret_geheim_1"  # noqa: S105 -- of no project


def token(**claims: Any) -> str:
    """A key of the old kind, its signature aside."""
    parts = ({"alg": "HS256"}, {"iss": "supabase", **claims})
    return ".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + ".geheim"


@pytest.mark.parametrize(
    "url",
    [
        URL,
        URL.replace(REFERENCE, REFERENCE.upper()),
        f"{URL}/",
        "https://supabase.example.org:8443",
        "http://127.0.0.1:54321",
    ],
)
@pytest.mark.parametrize("key", [SECRET, token(role="service_role", ref=REFERENCE), token(role="service_role")])
def test_a_project_has_an_address_and_a_key_that_opens_it(url: str, key: str) -> None:
    project = Project(url, key)
    assert project.host in url
    assert "geheim" not in f"{project!r} {project}"


@pytest.mark.parametrize(
    ("url", "what", "todo"),
    [
        ("", "no project's URL", "https://abcdefghijklmnopqrst.supabase.co"),
        (f"http://{REFERENCE}.supabase.co", "not https", "https://"),
        ("http://localhost.example.org", "not https", "https://"),
        (f"{URL}/rest/v1", "no path", "https://"),
        ("http://127.0.0.1:54321/rest/v1/", "no path", "https://"),
        (f"{REFERENCE}.supabase.co", "no https:// in front", "https://"),
        (token(role="service_role"), "no project's URL", "https://"),
        (f"https://geheim@{REFERENCE}.supabase.co", "no project's URL", "https://"),
        (f"https://supabase.com/dashboard/project/{REFERENCE}/settings", "the dashboard's", f"it is {URL}"),
        (f'"{URL}"', "quotes", "https://"),
        ("postgresql://postgres:geheim@db.example.org/postgres", "connection string", "https://"),
        (SECRET, "no project's URL", "https://"),
    ],
)
def test_an_address_that_cannot_be_right_is_refused(url: str, what: str, todo: str) -> None:
    with pytest.raises(UsageError) as refused:
        Project(url, SECRET)
    assert what in refused.value.what
    assert todo in str(refused.value.todo)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("sb_publishable_geheim", "is the publishable key, which may read the active version"),
        (token(role="anon"), "is the anon key, which may read the active version"),
        (token(role="authenticated"), "no key that opens a project"),
        (token(role="service_role", ref="tsrqponmlkjihgfedcba"), "the key is the project tsrqponmlkjihgfedcba's"),
        ("geheim", "no key that opens a project"),
        ("a.geheim.b", "no key that opens a project"),
        ("sb_secret_geheim\u200b", "no key that opens a project"),
        ("sb_secret_geheim and more", "it has a space or a line end within"),
        ('"sb_secret_geheim"', "it has quotes around it"),
        ("'sb_secret_geheim'", "it has quotes around it"),
    ],
)
def test_a_key_that_cannot_be_right_is_refused(key: str, what: str) -> None:
    with pytest.raises(UsageError, match=what) as refused:
        Project(URL, key)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("key", "user", "says"),
    [
        (SECRET, None, "the secret key"),
        (token(role="service_role"), None, "the service_role key, of the old kind"),
        ("sb_publishable_1", User("asha@example.org", "geheim"), "asha@example.org, who signs in"),
        (token(role="anon"), User(token=token(role="authenticated")), "a user's token"),
    ],
)
def test_a_project_says_what_kind_of_key_it_has(key: str, user: User | None, says: str) -> None:
    project = Project(URL, key, user)
    assert project.opened_by == says
    assert "geheim" not in f"{project!r} {project}"


def test_an_old_key_says_when_it_ended() -> None:
    ended = Project(URL, token(role="service_role", exp=1_700_000_000)).key_ended
    assert ended is not None
    assert ended.date().isoformat() == "2023-11-14"
    assert Project(URL, token(role="service_role", exp=9_999_999_999)).key_ended is None
    assert Project(URL, token(role="service_role", exp="soon")).key_ended is None
    assert Project(URL, SECRET).key_ended is None
