"""A Supabase project asked as one of its users: no key that opens all of it is on that machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import psycopg
import pytest

from lepinet.errors import OutsideError, RefusedError, UsageError
from lepinet.manifest.model import RegistrySettings
from lepinet.registry import Registry
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.kinds import open_registry
from lepinet.registry.records import PerformanceLog
from lepinet.registry.refusals import RegistryRefusal
from lepinet.settings import Settings
from lepinet.timings import Timings
from reconcile.faults import answer, cut
from reconcile.supabase_wire import Fault, supabase_wire
from reconcile.watch import Watch
from supabase_gateway.gateway import project_online
from supabase_gateway.project import Project, User

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]
Open: TypeAlias = Callable[..., AbstractContextManager[Registry]]

USERS = {
    name: User(f"{name}@example.org", "correct horse", metadata)
    for name, metadata in {"trainer": {"role": "trainer"}, "monitor": {"role": "monitor"}, "visitor": {}}.items()
}
SIGN_IN = "/auth/v1/token?grant_type=password"


@pytest.fixture
def hosted(server: EmbeddedServer, database: str) -> Project:
    return Project(server.url(database, "authenticator"), users=tuple(USERS.values()))


@pytest.fixture
def opened(hosted: Project) -> Iterator[Open]:
    """The registry as a machine opens it that has these settings, and a project online."""
    with ExitStack() as stack:

        @contextmanager
        def opened(watch: Watch | None = None, project: Project = hosted, **settings: str) -> Iterator[Registry]:
            url = stack.enter_context(project_online(project))
            url = stack.enter_context(supabase_wire(url, watch)) if watch else url
            there = Settings({"SUPABASE_URL": url, "SUPABASE_PUBLISHABLE_KEY": hosted.publishable_key, **settings})
            kind, timings = RegistrySettings(kind="supabase"), Timings(retry=0.01)
            with open_registry(kind, "production", Path, there, timings) as registry:
                yield registry

        yield opened


def by_password(name: str) -> dict[str, str]:
    return {"SUPABASE_USER_EMAIL": USERS[name].email, "SUPABASE_USER_PASSWORD": USERS[name].password}


def by_token(hosted: Project, name: str, **more: Any) -> dict[str, str]:
    return {"SUPABASE_USER_TOKEN": hosted.user_token(USERS[name], **more)}


@pytest.mark.parametrize("key", ["publishable_key", "anon_key"])
def test_a_trainer_logs_a_version_by_password_or_token_and_keys_of_both_kinds(
    opened: Open, hosted: Project, key: str
) -> None:
    for settings in (by_password("trainer"), by_token(hosted, "trainer")):
        with opened(SUPABASE_PUBLISHABLE_KEY=getattr(hosted, key), **settings) as registry:
            assert registry.log_version("v2.0.0", "Bhanura/lepinet-model-v2").is_active is False


def test_a_trainer_may_do_nothing_else(opened: Open) -> None:
    with opened(**by_password("trainer")) as registry:
        with pytest.raises(RegistryRefusal, match=r"needs a user whose app_metadata\.role is admin or monitor"):
            registry.snapshot("production")
        with pytest.raises(RegistryRefusal, match="no user may do this") as refused:
            registry.unpin("production", "why")
        assert "docs/access.md" in str(refused.value.todo)


def test_a_monitor_reads_and_logs_what_it_measured(opened: Open, owner: Rows) -> None:
    owner.execute("insert into public.model_versions (version_name, file_path) values ('v1.0.0', 'm')")
    measured = PerformanceLog(id=uuid4(), version_name="v1.0.0", kind="monitor", test_accuracy=0.9, test_sample_size=96)
    with opened(**by_password("monitor")) as registry:
        assert [row.version_name for row in registry.snapshot("production", ["v1.0.0"]).versions] == ["v1.0.0"]
        assert [row.version_name for row in registry.versions()] == ["v1.0.0"]
        assert registry.history("production") == ()
        registry.log_performance(measured, "production")
        with pytest.raises(RegistryRefusal, match="no user may do this"):
            registry.log_performance(measured.model_copy(update={"kind": "proof"}), "production")
        with pytest.raises(RegistryRefusal, match=r"app_metadata\.role is trainer"):
            registry.log_version("v2.0.0", "Bhanura/lepinet-model-v2")
    logged = owner.execute("select kind, test_accuracy from public.model_performance_logs").fetchall()
    assert logged == [("monitor", 0.9)]


def test_a_user_without_a_role_learns_who_gives_it(opened: Open) -> None:
    with opened(**by_password("visitor")) as registry, pytest.raises(RegistryRefusal) as refused:
        registry.log_version("v2.0.0", "m")
    assert "app_metadata.role is trainer" in refused.value.what
    assert "the project's owner sets app_metadata" in str(refused.value.todo)


@pytest.mark.parametrize(("seconds", "times"), [(3600, 1), (30, 2)])
def test_whoever_is_still_signed_in_does_not_sign_in_again(
    opened: Open, hosted: Project, seconds: int, times: int
) -> None:
    watch = Watch()
    with opened(watch, replace(hosted, session=seconds), **by_password("trainer")) as registry:
        for _ in range(2):
            registry.log_version("v2.0.0", "m")
    assert sorted(watch.calls) == [SIGN_IN] * times + ["log_model_version"] * 2


def test_a_sign_in_that_got_lost_is_repeated(opened: Open) -> None:
    watch = Fault(call=SIGN_IN, answers=cut, times=2)
    with opened(watch, **by_password("trainer")) as registry:
        assert registry.log_version("v2.0.0", "m").version_name == "v2.0.0"
    assert watch.calls == [SIGN_IN] * 3 + ["log_model_version"]


@pytest.mark.parametrize("said", [{}, [], {"access_token": 5, "expires_in": 60}])
def test_a_sign_in_of_another_kind_is_said(opened: Open, said: object) -> None:
    watch = Fault(call=SIGN_IN, answers=answer(200, said))
    with opened(watch, **by_password("trainer")) as registry, pytest.raises(OutsideError, match="cannot read"):
        registry.log_version("v2.0.0", "m")


def test_a_wrong_password_is_told_with_whose_it_is_and_not_shown(opened: Open) -> None:
    settings = {**by_password("trainer"), "SUPABASE_USER_PASSWORD": "geheim"}
    with opened(**settings) as registry, pytest.raises(OutsideError) as refused:
        registry.log_version("v2.0.0", "m")
    assert refused.value.what == "the project does not sign in trainer@example.org: Invalid login credentials"
    assert "SUPABASE_USER_PASSWORD" in str(refused.value.todo)
    assert "geheim" not in str(refused.value)


def test_an_expired_token_is_told_with_its_end_and_the_way_without_one(opened: Open, hosted: Project) -> None:
    settings = by_token(hosted, "trainer", seconds=-7200)
    with (
        opened(**settings) as registry,
        pytest.raises(OutsideError, match=r"SUPABASE_USER_TOKEN expired at 20") as told,
    ):
        registry.log_version("v2.0.0", "m")
    assert "sign in again, or set SUPABASE_USER_EMAIL and SUPABASE_USER_PASSWORD" in str(told.value.todo)
    assert settings["SUPABASE_USER_TOKEN"] not in str(told.value)


def test_a_token_of_another_project_is_told(opened: Open, hosted: Project) -> None:
    other = replace(hosted, secret=hosted.secret[::-1])
    with opened(**by_token(other, "trainer")) as registry, pytest.raises(OutsideError, match="take the user's token"):
        registry.log_version("v2.0.0", "m")


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"SUPABASE_USER_PASSWORD": ""}, "no SUPABASE_USER_PASSWORD in the environment or in .env"),
        ({"SUPABASE_PUBLISHABLE_KEY": ""}, "no SUPABASE_PUBLISHABLE_KEY in the environment or in .env"),
        ({"SUPABASE_PUBLISHABLE_KEY": "sb_secret_geheim"}, "SUPABASE_PUBLISHABLE_KEY is the secret key"),
        ({"SUPABASE_PUBLISHABLE_KEY": "geheim"}, "SUPABASE_PUBLISHABLE_KEY is no key of a project"),
        ({"SUPABASE_USER_TOKEN": "sbp_geheim"}, "SUPABASE_USER_TOKEN is no token of a signed-in user"),
        ({"SUPABASE_USER_EMAIL": ""}, "no SUPABASE_SERVICE_KEY in the environment or in .env"),
        ({"SUPABASE_USER_EMAIL": "sb_secret_geheim"}, "SUPABASE_USER_EMAIL is no user's address"),
        ({"SUPABASE_USER_EMAIL": "geheim", "SUPABASE_USER_PASSWORD": ""}, "no SUPABASE_USER_PASSWORD"),
        ({"SUPABASE_USER_EMAIL": "a@sb_secret_geheim"}, "SUPABASE_USER_EMAIL is no user's address"),
    ],
)
def test_settings_that_cannot_be_right_are_named(opened: Open, settings: dict[str, str], what: str) -> None:
    with (
        pytest.raises(UsageError, match=what) as refused,
        opened(**{**by_password("trainer"), **settings}),
    ):
        pass
    assert "geheim" not in f"{refused.value} {refused.value.todo}"


def test_the_service_key_goes_first_and_an_environment_s_own_user_before_the_common_one(
    opened: Open, hosted: Project
) -> None:
    own = {f"{name}_PRODUCTION": value for name, value in by_password("trainer").items()}
    with opened(**by_password("visitor"), **own) as registry:
        registry.log_version("v2.0.0", "m")
    with opened(**by_password("visitor"), SUPABASE_SERVICE_KEY=hosted.secret_key) as registry:
        assert registry.active_version() is None


def test_a_session_is_not_shown_by_a_project_that_quotes_it(opened: Open) -> None:
    """It is in no setting: only the calls carry it."""

    def quoting(handler: BaseHTTPRequestHandler) -> None:
        sent.append(handler.headers["Authorization"].removeprefix("Bearer "))
        answer(400, {"code": "P0001", "message": f"bad {sent[0]}", "hint": sent[0]})(handler)

    sent: list[str] = []
    with (
        opened(Fault(call="log_model_version", answers=quoting), **by_password("trainer")) as registry,
        pytest.raises((OutsideError, RefusedError), match=r"bad \*\*\*") as told,
    ):
        registry.log_version("v2.0.0", "m")
    assert sent[0] not in str(told.value)


def test_what_somebody_signs_in_with_is_shown_nowhere(opened: Open, hosted: Project) -> None:
    """Not by a project that quotes it, either."""
    settings = by_token(hosted, "trainer")
    quoting = Fault(
        call="log_model_version", answers=answer(400, {"code": "P0001", "message": settings["SUPABASE_USER_TOKEN"]})
    )
    with opened(quoting, **settings) as registry, pytest.raises((OutsideError, RefusedError)) as told:
        registry.log_version("v2.0.0", "m")
    assert "***" in str(told.value)
    assert settings["SUPABASE_USER_TOKEN"] not in f"{told.value} {vars(registry)}"
