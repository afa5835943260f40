"""The story itself: what happens to a model, one step a function, each held to what it tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lepinet.cli.story.stage import Stage
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.kinds import embedded_folder

_TRAINING = """\
from lepinet import log_model_version

# … the training, and the push to the Hub
log_model_version("v1.1.0", "tests/models/v1.1.0", 1248, 0.9265, notes="wet-season drawings too")
"""
_BY_HAND = (
    "update model_versions set is_active = false where is_active",
    "update model_versions set is_active = true where version_name = 'v1.0.0'",
)


@dataclass(frozen=True)
class Step:
    """One part of the story."""

    title: str
    play: Callable[[Stage], None]


def _validate(stage: Stage) -> None:
    stage.run("lepinet validate", says=["models.yaml is valid", "production v1.0.0"])


def _migrate(stage: Stage) -> None:
    stage.run("lepinet db migrate", says=["production: ", "migrations applied"])


def _first_model(stage: Stage) -> None:
    url = stage.serve()
    stage.run("lepinet reconcile", says=["known images as tested", "v1.0.0", "is live"])
    stage.let_visitors_in(url)
    stage.live("v1.0.0")


def _training(stage: Stage) -> None:
    for line in _TRAINING.splitlines():
        stage.show(f"| {line}" if line else "|")
    (stage.place.folder / "train.py").write_text(_TRAINING, encoding="utf-8")
    stage.run("python ../train.py", says=["logged successfully", "v1.1.0"])
    stage.run("lepinet versions", says=["v1.1.0 waiting"])


def _register(stage: Stage) -> None:
    stage.run(
        "lepinet register v1.1.0 --file-path tests/models/v1.1.0 --images 1248 --accuracy 0.9265 "
        "--notes 'wet-season drawings too'"
    )
    _commit(stage, "register-v1.1.0", "Register v1.1.0")
    _merge(stage, "register-v1.1.0")


def _activate(stage: Stage) -> None:
    stage.run("lepinet activate v1.1.0", says=["v1.1.0 active in production"])
    _commit(stage, "activate-v1.1.0", "Activate v1.1.0 in production")
    stage.run("lepinet check", says=["v1.1.0 → production", "fine to ship"])
    stage.answered_by("v1.0.0")


def _ship(stage: Stage) -> None:
    _merge(stage, "activate-v1.1.0")
    stage.run("lepinet reconcile", says=["the endpoint answers 300 of 300 known images as tested", "v1.1.0", "is live"])
    stage.live("v1.1.0")


def _hold(stage: Stage) -> None:
    stage.run("lepinet register v1.2.0 --file-path tests/models/v1.2.0 --images 7260 --accuracy 0.9764", shown=1)
    stage.run("lepinet activate v1.2.0", shown=1)
    _commit(stage, "activate-v1.2.0", "Activate v1.2.0 in production")
    stage.run("lepinet check", code=1, says=["hold", "Common Jezebel"])
    stage.run("git switch main")
    stage.answered_by("v1.1.0")


def _undecided(stage: Stage) -> None:
    manifest = stage.read("models.yaml").replace("known_images: tests/known_images", "known_images: tests/few_images")
    stage.write("models.yaml", manifest)
    stage.show("(models.yaml now says: known_images: tests/few_images)")
    _commit(stage, "few-photos", "Judge by the second set of photos")
    _merge(stage, "few-photos")
    stage.run("lepinet register v1.3.0 --file-path tests/models/v1.3.0 --images 1248 --accuracy 0.9289", shown=1)
    stage.run("lepinet activate v1.3.0", shown=1)
    _commit(stage, "activate-v1.3.0", "Activate v1.3.0 in production")
    stage.run("lepinet check", says=["undecided", "a person decides", "would show it, if both are equally good"])
    stage.run("git switch main")


def _by_hand(stage: Stage) -> None:
    (registry,) = stage.place.data.glob("*/registry")
    with EmbeddedServer(embedded_folder(registry.parent)) as server, server.connect() as connection:
        for statement in _BY_HAND:
            stage.show(f"sql> {statement};")
            stage.show(connection.execute(statement.encode()).statusmessage or "")
    stage.run("lepinet status", code=1, says=["DRIFT", "the database says v1.0.0 by hand"])
    stage.run("lepinet reconcile", code=1, says=["lepinet reconcile -e production --mend"])
    stage.answered_by("v1.1.0")
    stage.run("lepinet reconcile --mend", says=["undoing what a hand did", "v1.1.0", "is live"])
    stage.live("v1.1.0")


def _revert(stage: Stage) -> None:
    merge = stage.place.run(["git", "log", "--merges", "--format=%h", "-1", "--grep=activate-v1.1.0"]).output.strip()
    stage.run(f"git revert --no-commit --mainline 1 {merge}")
    stage.run("git commit --message 'Back to v1.0.0: photos taken at dusk come out wrong'")
    stage.run("lepinet reconcile", says=["v1.0.0", "is live"])
    stage.live("v1.0.0")


def _emergency(stage: Stage) -> None:
    stage.run(
        "lepinet rollback v1.1.0 --now --reason 'v1.0.0 names no Blue Tiger since this morning'",
        says=["is live and pinned"],
    )
    stage.answered_by("v1.1.0")
    stage.run("lepinet reconcile", code=1, says=["pinned to v1.1.0", "lepinet unpin"])


def _agree(stage: Stage) -> None:
    stage.run("lepinet activate v1.1.0", shown=1)
    _commit(stage, "agree", "Keep v1.1.0 in production, as the emergency has it")
    _merge(stage, "agree")
    stage.run("lepinet reconcile", says=["v1.1.0"])
    (status,) = stage.ask("lepinet status --json")
    stage.must(status["pinned"] is None, "the pin has ended")
    stage.live("v1.1.0")


def _history(stage: Stage) -> None:
    stage.run("lepinet history", says=["EMERGENCY", "photos taken at dusk", "no Blue Tiger"], shown=30)
    told = [(row["version"], row["kind"], row["status"]) for row in stage.ask("lepinet history --json")]
    moves = ["v1.1.0", "v1.0.0", "v1.1.0", "v1.1.0", "v1.0.0"]
    stage.must([version for version, _, _ in told] == moves, f"the history tells every move, newest first: {told}")
    stage.run("lepinet status", says=["in step", "Nothing needs you"])


STORY = (
    Step("models.yaml says which version is active where", _validate),
    Step("The registry: a real PostgreSQL, on this machine while it is used", _migrate),
    Step("v1.0.0 is served, and proved on 300 known images before the database says so", _first_model),
    Step("A training ends, and logs v1.1.0", _training),
    Step("v1.1.0 joins models.yaml", _register),
    Step("A branch activates v1.1.0, and the check says whether it should ship", _activate),
    Step("The branch is merged, and reconcile makes it so", _ship),
    Step("v1.2.0 is better on average, and is held", _hold),
    Step("v1.3.0 is tested on 36 photos only: a person decides", _undecided),
    Step("Somebody changes the database by hand", _by_hand),
    Step("A git revert rolls back", _revert),
    Step("An emergency: everything moves at once, and is pinned", _emergency),
    Step("Git agrees, and the pin ends", _agree),
    Step("The history tells it all", _history),
)


def _commit(stage: Stage, branch: str, message: str) -> None:
    stage.run(f"git switch --quiet --create {branch}")
    stage.run(f"git commit --quiet --message '{message}' -- models.yaml")


def _merge(stage: Stage, branch: str) -> None:
    stage.run("git switch --quiet main")
    stage.run(f"git merge --quiet --no-ff --no-edit {branch}")
