"""`doctor`: what the repository needs to work on this machine, what of it is missing, what mends that. Only looks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence, Sized

from lepinet.endpoints import Address
from lepinet.errors import LepinetError, OutsideError
from lepinet.evaluation.labels import LIST_NEEDED, OWN_LABELS, ModelLabels, SpeciesNames, strange_labels
from lepinet.files import inside
from lepinet.manifest.load import FILE
from lepinet.model_files import file_names, is_onnx, needed_files, read_model_files
from lepinet.registry import Registry
from lepinet.registry.kinds import opened_by
from lepinet.registry.migrate import in_few_words, made, migrations
from lepinet.report.needs import Need
from lepinet.report.next_steps import WRITE_CODE_OWNERS
from lepinet.report.status import active_version
from lepinet.workflow import github_setup as there
from lepinet.workflow.callers import WORKFLOWS, missing, needed, strange
from lepinet.workflow.dotenv import KEYS, exposed
from lepinet.workflow.extras import absent, installing
from lepinet.workflow.propose import open_github, repository_at
from lepinet.workflow.workspace import BEGIN, Workspace

_WRITES_ALL = "service_role"
_MAY = {
    "trainer": ": a trainer, who may log versions",
    "monitor": ": a monitor, who may read it and log what it measures",
    "admin": ": an admin, who may read it and change nothing",
    _WRITES_ALL: "",
}
"""Callers of a registry who may do something there."""


def needs(workspace: Workspace, environment: str | None) -> Iterator[Need]:
    """Each is looked at as it is asked for; without a models.yaml there is nothing more to look at."""
    try:
        manifest, names = workspace.manifest, workspace.environments(environment)
    except LepinetError as error:
        there_is_one = (workspace.root / FILE).exists()
        yield Need(FILE, error.what, "lepinet validate" if there_is_one else BEGIN)
        return
    yield Need("models.yaml", f"{_many(manifest.environments, 'environment')}, {_many(manifest.versions, 'version')}")
    yield from _dotenv(workspace)
    yield _photos(workspace)
    yield _species(workspace)
    for version in sorted({active for name in names if (active := manifest.environments[name].active)}):
        yield from _on_the_hub(workspace, version)
        yield from _labels(workspace, version)
    for name in names:
        yield from _registry(workspace, name)
        yield from _endpoint(workspace, name)
    yield from _github(workspace)
    yield from packages(workspace)


def packages(workspace: Workspace) -> Iterator[Need]:
    """What has to be installed for the environments and the models; of models on the Hub the Hub is asked.

    Raises:
        LepinetError: models.yaml cannot be read.
    """
    for extra in ("evaluate", *_extras(workspace)):
        gone = ", ".join(absent(extra))
        yield Need(
            f"packages of {extra}",
            f"{gone} is not installed" if gone else "installed",
            installing(extra) if gone else None,
        )


def _dotenv(workspace: Workspace) -> Iterator[Need]:
    """Nothing where there is none."""
    if not (workspace.root / KEYS).is_file():
        return
    if wrong := exposed(workspace.git):
        yield Need(KEYS, wrong.what, wrong.todo)
    else:
        yield Need(KEYS, "ignored by git")


def _photos(workspace: Workspace) -> Need:
    folder = workspace.manifest.known_images
    try:
        known = workspace.known_images
    except LepinetError as error:
        return Need("known images", str(error), error.todo or f"put {folder} right")
    if not known:
        return Need("known images", "there are none", f"put photos whose species is certain into {folder}")
    species = {image.expected_id for image in known.images}
    return Need("known images", f"{_many(known, 'photo')} of {len(species)} species in {folder}")


def _species(workspace: Workspace) -> Need:
    try:
        named = workspace.species_of_answers
    except LepinetError as error:
        return Need("species", str(error), error.todo or "lepinet validate")
    if not named:
        return Need("species", OWN_LABELS, LIST_NEEDED)
    return Need("species", f"{len(named)}, {workspace.manifest.species or 'those on the known images'}")


def _on_the_hub(workspace: Workspace, version: str) -> Iterator[Need]:
    """Whether whoever tests a version may fetch it; the token of its endpoint may be another one."""
    target = workspace.manifest.target(version)
    if not target.on_hub:
        return
    what = f"files of {version}"
    try:
        workspace.seek(target)
    except LepinetError as error:
        yield Need(what, error.what, error.todo or "docs/huggingface.md has the set-up")
        return
    token = "with HF_TOKEN" if workspace.settings.get("HF_TOKEN") else "without HF_TOKEN"
    yield Need(what, f"{target.file_path} @ {target.revision[:7]} can be read {token}")


def _labels(workspace: Workspace, version: str) -> Iterator[Need]:
    """Only what is wrong; of a model on the Hub, which may have to be fetched for it, `test` and `check` tell."""
    target = workspace.manifest.target(version)
    try:
        known = workspace.known_images
        if not known or target.on_hub:
            return
        shown = {one.id for one in known.species()}
        labels = ModelLabels(
            read_model_files(workspace.files(target)).labels, SpeciesNames(workspace.species_of_answers)
        )
        if strange := strange_labels(version, nameable=len(labels.nameable & shown), species=len(shown)):
            yield Need(f"labels of {version}", strange, LIST_NEEDED)
    except LepinetError as error:
        yield Need(f"labels of {version}", str(error), error.todo or f"lepinet test {version}")


def _registry(workspace: Workspace, name: str) -> Iterator[Need]:
    kind = workspace.manifest.environments[name].registry.kind
    try:
        with workspace.registry(name) as registry:
            role = registry.caller_role()
            yield _opened(workspace, registry, name, role)
            if role in _MAY:
                migrated = _migrated(registry, name, role)
                yield migrated
                if role == _WRITES_ALL and not migrated.mend:
                    yield from (Need(f"{name}, open to others", it.what, it.closed_by) for it in registry.openings())
    except LepinetError as error:
        where = f"{error.where}: " if error.where else ""
        yield Need(f"{name}, registry ({kind})", f"{where}{error.what}", error.todo or "lepinet db migrate")


def _opened(workspace: Workspace, registry: Registry, name: str, role: str) -> Need:
    """What the caller may do there, and what is live as far as it may know."""
    settings = workspace.manifest.environments[name].registry
    what, by = f"{name}, registry ({settings.kind})", opened_by(settings, name, workspace.settings)
    if role not in _MAY:
        state = f"opened by {by}, whose app_metadata.role allows nothing here: {role or 'there is none'}"
        mend = "the project's owner sets it in the SQL editor (docs/supabase.md, Who may do what); then sign in again"
        return Need(what, state, mend)
    state = f"opened by {by}{_MAY[role]}"
    if role != "trainer":
        state += f"; active: {active_version(registry.snapshot(name))}"
    return Need(what, state)


def _migrated(registry: Registry, name: str, role: str) -> Need:
    seen = registry.applied_migrations()
    missing = [migration for migration in migrations() if migration.version not in seen]
    if missing:
        return Need(f"{name}, migrations", f"{len(missing)} of them are to come", "lepinet db migrate")
    if role != _WRITES_ALL:
        return Need(f"{name}, migrations", "current")
    all_of_it = made()
    if gone := registry.missing_objects(all_of_it.relations, all_of_it.functions, all_of_it.triggers):
        said = f"recorded as applied, and not there: {in_few_words(gone)}"
        return Need(f"{name}, migrations", said, "lepinet db migrate --again (docs/supabase.md)")
    return Need(f"{name}, migrations", "current")


def _github(workspace: Workspace) -> Iterator[Need]:
    """What its workflows need there; nothing where origin is elsewhere."""
    repository = repository_at(workspace.git.origin() or "")
    if repository is None:
        return
    yield _workflows(workspace)
    owned = there.has_code_owners(workspace.root)
    yield Need(
        "GitHub, code owners",
        f"{'somebody' if owned else 'nobody'} has to review a change of models.yaml or .github/",
        None if owned else WRITE_CODE_OWNERS,
    )
    for sentence in there.left_here(workspace):
        yield Need("GitHub, runners", sentence)
    try:
        with open_github(workspace, repository) as github:
            made, variables = github.environments(), github.variables()
            wanted = there.needed(workspace, variables)
            yield Need("GitHub", f"{repository} answers")
            for name, settings in wanted.environments.items():
                lacking = there.of_environment(workspace, github, name, settings, made)
                yield _on_github(f"environment {name}", [*lacking])
            if wanted.variables:
                yield _on_github("the clock", [*there.of_variables(github, wanted, variables)])
            yield _on_github("rules of main", [*there.of_rules(workspace, github, variables)])
            yield _on_github("rights of workflows", [*there.of_rights(github)])
    except LepinetError as error:
        yield Need("GitHub", error.what, error.todo or "is it there, and may this token see it?")


def _workflows(workspace: Workspace) -> Need:
    what, wanted = "GitHub, workflows", needed(workspace.manifest)
    lacking, others = missing(workspace.root, wanted), strange(workspace.root, wanted)
    if others:
        state = f"{', '.join(others)} in {WORKFLOWS} does not call LepiNet's"
        return Need(what, state, "rename yours, then: lepinet init")
    if lacking:
        return Need(what, f"{', '.join(lacking)} is not there", "lepinet init")
    return Need(what, "there")


def _on_github(what: str, lacking: Sequence[there.Step | there.Left]) -> Need:
    names = ", ".join(one.what for one in lacking)
    return Need(
        f"GitHub, {what}",
        names or "as it should be",
        "lepinet init --github" if names else None,
    )


def _endpoint(workspace: Workspace, name: str) -> Iterator[Need]:
    """Of those that live elsewhere; `lepinet serve` says by itself what it lacks."""
    kind = workspace.manifest.environments[name].endpoint.kind
    if kind in {"local", "none"}:
        return
    what = f"{name}, endpoint ({kind})"
    try:
        endpoint = workspace.endpoint(name)
        assert endpoint is not None  # noqa: S101 -- only `none` is none
        state = endpoint.observe()
        if state.follows_registry and (address := endpoint.address()):
            yield Need(what, _answering(workspace, address))
            return
    except LepinetError as error:
        where = f"{error.where}: " if error.where else ""
        yield Need(what, f"{where}{error.what}", error.todo or "docs/huggingface.md has the set-up")
        return
    said = f"{state.detail or 'answers'}; set to {state.target or 'no model'}"
    yield Need(what, said, None if state.ready else f"lepinet reconcile -e {name}")


def _answering(workspace: Workspace, address: Address) -> str:
    """How it answers one photo.

    Raises:
        OutsideError: it does not.
    """
    from lepinet.evaluation.run import answers_of_endpoint  # noqa: PLC0415 -- only this kind is asked about a photo
    from lepinet.workflow.evaluate import something_to_ask  # noqa: PLC0415 -- as above

    with something_to_ask(workspace.known_images) as known:
        live = answers_of_endpoint(address.url, known.sample(1), timings=workspace.timings)
    if error := live.answers[0].error:
        raise OutsideError(f"it does not answer a photo: {error}", where=address.url)
    return f"answers by {live.model.contract}"


def _extras(workspace: Workspace) -> Iterator[str]:
    environments = workspace.manifest.environments.values()
    if any(environment.registry.kind == "embedded" for environment in environments):
        yield "embedded"
    if any(environment.endpoint.kind == "local" for environment in environments):
        yield "serve"
    if any(_without_onnx(workspace, name) for name in workspace.manifest.versions):
        yield "transformers"


def _without_onnx(workspace: Workspace, version: str) -> bool:
    """Whether it has safetensors alone; what cannot be looked at is told when it is needed."""
    target = workspace.manifest.target(version)
    try:
        if target.on_hub:
            names: Collection[str] = workspace.hub.listing(target.file_path, target.revision).names
        else:
            names = tuple(file_names(inside(workspace.root, target.file_path)))
        return not is_onnx(needed_files(names, str(target))[-1])
    except LepinetError:
        return False


def _many(things: Sized, name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
