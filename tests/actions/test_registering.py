"""register.yml, run: what trainers have logged comes to models.yaml, as pull requests with what is known of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.conftest import Live
from actions.github import Ran
from actions.triggers import Event
from github_stand_in.server import Failure
from hf_stand_in.repository import files_of
from hf_stand_in.server import StandIn, hub_online

pytestmark = pytest.mark.slow

REGISTER, CLOCK = "register.yml", "53 * * * *"
DONE = {"look": "success", "propose": "success"}
MODEL = Path(__file__).parents[1] / "models" / "v1.2.0"
NAME = "asha/butterflies"
CARD = """\
---
license: mit
model-index:
- name: butterflies
  results:
  - dataset: {name: Sri Lanka}
    metrics:
    - {type: accuracy, value: 0.9234}
    - {type: "</li><script>f1</script> @acme/all", value: 0.9}
---
# Butterflies
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[StandIn]:
    with hub_online(tmp_path / "hub") as online:
        config = json.loads((MODEL / "config.json").read_text())
        config["id2label"]["12"] = "</li>Moth @acme/all"
        config["image_size"] = 512
        own = {"README.md": CARD.encode(), "config.json": json.dumps(config).encode()}
        online.create(NAME, files_of(MODEL) | own)
        yield online


@pytest.fixture
def live(live: Live, hub: StandIn) -> Live:
    """With keys that only read, and the Hub."""
    live.secrets = {**live.secrets, "monitor": live.secrets["staging"]}
    live.environment["HF_ENDPOINT"] = hub.url
    live.variables["LEPINET_MONITOR"] = "on"
    return live


def log(live: Live, name: str, path: str = NAME, environment: str = "staging", **also: object) -> None:
    live.registry(environment).log_version(name, path, **also)  # type: ignore[arg-type]  # a test's own values


def registered(live: Live) -> Ran:
    return live.run(
        REGISTER, Event("schedule", {"schedule": CLOCK}, "refs/heads/main", live.there.git("rev-parse", "main"))
    )


def test_a_logged_version_becomes_a_pull_request_whose_check_runs(live: Live, hub: StandIn) -> None:
    log(live, "v1.2.0", training_image_count=5400, accuracy_score=0.9234, notes="more photos")
    assert registered(live).jobs == DONE
    (pull,) = live.there.pulls
    assert pull["title"] == "Register v1.2.0"
    body = pull["body"].replace("\\", "")
    for told in (
        "its card: accuracy 0.9234 on Sri Lanka",
        "5,400 photos",
        "notes: more photos",
        "new labels (1)",
        "512",
    ):
        assert told in body
    assert "<script>" not in pull["body"]
    branch = pull["head"]["ref"]
    commit = hub.repositories[NAME].references("heads")["main"]
    assert f"revision: {commit}" in live.there.git("show", f"{branch}:models.yaml")
    assert live.there.dispatches == [("pr.yml", branch)]
    before = live.there.git("rev-parse", branch)
    assert registered(live).jobs == DONE
    assert (live.there.git("rev-parse", branch), len(live.there.pulls)) == (before, 1)
    assert len(live.there.dispatches) == 1


def test_registries_of_their_own_are_each_read_with_keys_that_open_no_other(live: Live) -> None:
    live.variables["LEPINET_APART"] = '["staging", "production"]'
    live.secrets = {**live.secrets, **{f"monitor-{name}": live.secrets[name] for name in ("staging", "production")}}
    log(live, "v1.2.0")
    log(live, "v1.3.0", environment="production")
    shown = ('          mkdir "$LOGGED"\n', '          mkdir "$LOGGED"; env | sed s/canary-of/seen/\n')
    clock = Event("schedule", {"schedule": CLOCK}, "refs/heads/main", live.there.git("rev-parse", "main"))
    ran = live.run(REGISTER, clock, shown)
    assert ran.jobs == {
        "look (monitor-staging)": "success",
        "look (monitor-production)": "success",
        "propose": "success",
    }
    assert [pull["title"] for pull in live.there.pulls] == ["Register v1.2.0", "Register v1.3.0"]
    assert ran.log.index("seen-staging") < ran.log.index("seen-production")
    assert (ran.log.count("seen-staging"), ran.log.count("seen-production")) == (1, 1)


def test_it_is_off_until_there_are_keys_that_read(live: Live) -> None:
    del live.variables["LEPINET_MONITOR"]
    assert registered(live).jobs == {}


def test_a_name_that_is_no_version_gets_the_next_free_one(live: Live) -> None:
    log(live, "butterflies final (2)", notes="the good one")
    assert registered(live).jobs == DONE
    (pull,) = live.there.pulls
    assert pull["title"] == "Register v1.1.1"
    added = live.there.git("diff", "main", pull["head"]["ref"])
    assert "logged as butterflies final (2); the good one" in added


def test_what_cannot_be_resolved_is_reported_once(live: Live) -> None:
    log(live, "v1.3.0", "asha/gone")
    assert registered(live).jobs == DONE
    (issue,) = live.there.issues
    assert issue["title"] == "v1.3.0 was logged and cannot be registered"
    issue["state"] = "closed"
    assert registered(live).jobs == DONE
    assert live.there.issues == [issue]
    assert live.there.pulls == []


def test_where_github_fails_the_next_run_proposes_it(live: Live) -> None:
    log(live, "v1.2.0")
    live.there.failures = [Failure(403)]
    assert live.run(REGISTER, live.dispatched("main", REGISTER)).jobs == DONE | {"propose": "failure"}
    assert (live.there.pulls, live.there.issues) == ([], [])
    assert registered(live).jobs == DONE
    assert len(live.there.pulls) == 1


def test_what_a_revert_took_out_is_not_proposed_again(live: Live) -> None:
    log(live, "v1.2.0")
    registered(live)
    live.desk.git("fetch", "--quiet", "origin")
    live.desk.git("merge", "--quiet", "--no-ff", "--message", "Merge", f"origin/{live.there.pulls[0]['head']['ref']}")
    live.push_main()
    live.desk.git("revert", "--no-edit", "--mainline", "1", "HEAD")
    live.push_main()
    live.there.pulls.clear()
    assert registered(live).jobs == DONE
    assert live.there.pulls == []
    assert "waiting" not in live.desk.lepinet("plan", "-e", "staging", **live.secrets["staging"]).out


def test_what_somebody_closed_is_not_proposed_again(live: Live) -> None:
    log(live, "v1.2.0")
    registered(live)
    live.there.pulls[0]["state"] = "closed"
    assert registered(live).jobs == DONE
    assert len(live.there.pulls) == 1


def test_nothing_that_is_logged_is_run_or_read_as_markup(live: Live) -> None:
    notes = "<img src=x> @acme/everybody\n::error::forged\n\x1b[31m \u202e $(touch pwned) [x](javascript:x)"
    log(live, "v1.2.0", notes=notes)
    log(live, "v9; $(touch pwned) `touch pwned` </b>@acme/all")
    log(live, "v1.4.0", notes=f"{notes} {'x' * 60_000}")
    ran = registered(live)
    assert ran.jobs == DONE
    assert ran.annotations == ()
    assert not list(live.folder.rglob("pwned"))
    bodies = "\n".join(pull["body"] for pull in live.there.pulls)
    assert len(live.there.pulls) == 3, ran.log
    assert max(len(pull["body"]) for pull in live.there.pulls) < 65_536
    assert not [text for text in ("<img", "@acme", "[x](", "</b>") if text in bodies.replace("\\<", "")]
    contents = [live.there.git("show", f"{pull['head']['ref']}:models.yaml") for pull in live.there.pulls]
    assert not [sign for sign in ("\x1b", "\u202e") if sign in "".join(contents)]
