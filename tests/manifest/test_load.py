from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lepinet.manifest.load import load
from lepinet.manifest.problems import ManifestError, Problem


def problems(content: str | bytes) -> tuple[Problem, ...]:
    try:
        load(content)
    except ManifestError as error:
        return error.problems
    return ()


def test_an_error_shows_place_line_and_near_miss(smallest: str) -> None:
    text = smallest.replace("active: v1.0.0", "active: v1.0")
    (problem,) = problems(text)
    assert str(problem) == (
        "models.yaml:4:13: production.active is v1.0, and no version has that name\n"
        "   4 |     active: v1.0\n"
        "     |             ^^^^ did you mean v1.0.0? (v1.0.0)"
    )


def test_all_errors_come_at_once_in_the_order_of_the_file(fullest: str) -> None:
    text = (
        fullest.replace("active: v1.1.0", "active: v2.0.0")
        .replace("registry: embedded", "registry: embeded")
        .replace("port: 8002", "port: 80020")
        .replace("confidence: 0.90", "confidence: 1")
        .replace("  when_undecided: block\n", "  when_undecided: blok\n  when_undecided: ask\n")
        .replace("training_image_count: 5400", "training_images: 5400")
    )
    found = problems(text)
    assert [problem.line for problem in found] == sorted(problem.line for problem in found)
    assert [problem.message.split(",")[0] for problem in found] == [
        "staging.active is v2.0.0",
        "staging.registry.kind is embeded",
        "production.endpoint.port is 80020",
        "gates.confidence is 1",
        "gates.when_undecided is blok",
        "the key when_undecided stands here a second time",
        "versions.v1.1.0 has no key training_images",
    ]


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("schema_version: 1", "schema_version: true", "1:17", "must be a whole number"),
        ("schema_version: 1", "schema_version: 2", "1:17", "a newer LepiNet"),
        ("schema_version: 1\n", "", "1:1", "the file has no schema_version"),
        ("  production:", "  Production:", "3:3", "small letters"),
        ("    active: v1.0.0", "    activ: v1.0.0", "4:5", "production has no key activ … did you mean active?"),
        ("    registry: embedded\n", "", "3:3", "production has no registry"),
        ("registry: embedded", "registry: sqlite", "5:15", "is sqlite … (embedded, postgres, supabase)"),
        ("registry: embedded", "registry: {kind: supabase, url: http://x.supabase.co}", "5:37", "is http … like https"),
        ("registry: embedded", "registry: {kind: supabase, url: https://k@x.supabase.co}", "5:37", "without a path"),
        ("registry: embedded", "registry: {kind: postgres, url: https://x.supabase.co}", "5:37", "postgres has no url"),
        (
            "{kind: local}",
            "{kind: locl}",
            "6:15",
            "is locl, but its kind must be one of … did you mean local?",
        ),
        ("{kind: local}", "{kind: local, prt: 3}", "6:29", "has no key prt … did you mean port?"),
        ("{kind: local}", "[local]", "6:15", "a list"),
        ("active: v1.0.0", "active: [v1.0.0]", "4:13", "must be text"),
        ("active: v1.0.0", "active: 1.0", "4:13", "must be text … put it in quotes"),
        ("schema_version: 1", "schema_version: 1\nschema_version: 1", "2:1", "a second time … keep one"),
        ("  v1.0.0:", "  1: {}\n  v1.0.0:", "8:3", "is not text … put it in quotes"),
        ("  v1.0.0:", "  <<: {}\n  v1.0.0:", "8:3", "merge keys … write the values out"),
        ("tests/models/v1.0.0", "/srv/models", "9:16", "plain path inside"),
        ("embedded", "!!str embedded", "5:15", "tags"),
        ("embedded", "&a embedded", "5:15", "anchors"),
        ("embedded", "*a", "5:15", "aliases"),
        ("schema_version: 1\n", "schema_version: 1\n---\n", "2:1", "a second document"),
        ("registry: embedded", "registry: embedded: x", "5:23", "not YAML … a colon too many"),
        ("registry: embedded", 'registry: "embedded', "5:15", "not YAML … quotes"),
        ("registry: embedded", "registry: emb\u202eedded", "5:18", "U+202E … take it out"),
        ("registry: embedded", 'registry: "emb\\u202eedded"', "5:15", "cannot be seen … take it out"),
        ("registry: embedded", "registry: embedded\n    override: {version: v1.0.0}", "6:5", "has no reason"),
    ],
)
def test_each_mistake_is_shown_where_it_is(smallest: str, old: str, new: str, place: str, words: str) -> None:
    assert old in smallest
    first = problems(smallest.replace(old, new, 1))[0]
    assert f"{first.line}:{first.column}" == place
    assert all(part in f"{first.message} {first.hint}" for part in words.split(" … "))


def test_override_of_another_version_is_refused(fullest: str) -> None:
    (problem,) = problems(fullest.replace("override: {version: v1.0.0", "override: {version: v1.1.0"))
    assert problem.message == "production.override is for v1.1.0, but the active version is v1.0.0"


def test_two_environments_never_share_an_endpoint(fullest: str) -> None:
    (problem,) = problems(fullest.replace("port: 8001", "port: 8002"))
    assert problem.message == "production.endpoint is port 8002, and so is staging.endpoint"
    assert (problem.line, problem.source_line) == (15, "    endpoint:")


@pytest.mark.parametrize("name", ["monitor", "monitor-production", "staging-emergency", "trusted-check", "hub"])
def test_a_name_that_the_workflows_use_themselves_is_no_environments(smallest: str, name: str) -> None:
    (problem,) = problems(smallest.replace("  production:", f"  {name}:"))
    assert problem.message == (
        f"a name in environments is {name}, but LepiNet's workflows keep that name for an environment of their own"
    )


def test_environments_without_a_port_of_their_own_do_not_share(smallest: str) -> None:
    other = "  staging: {registry: embedded, endpoint: local}\n  production:"
    assert len(load(smallest.replace("  production:", other)).environments) == 2


def test_passwords_in_the_file_are_not_repeated(smallest: str) -> None:
    text = smallest.replace("embedded", "{kind: postgres, url: 'postgresql://me:hunter2@host/db', key: hf_abcdefghij}")
    error = str(ManifestError(problems(text)))
    assert "hunter2" not in error
    assert "hf_abcdefghij" not in error


def test_terminal_controls_in_the_file_do_not_reach_the_terminal() -> None:
    (problem,) = problems("a: \x1b[2J\n")
    assert "\x1b" not in str(problem)


def test_long_lines_are_shown_around_the_mistake(smallest: str) -> None:
    text = smallest.replace("{kind: local}", "{kind: local," + " " * 400 + "prt: 3}")
    shown = str(problems(text)[0]).splitlines()
    assert len(shown[1]) < 130
    assert shown[1][shown[2].index("^") :].startswith("prt")


def test_thousands_of_mistakes_are_counted_not_listed(smallest: str) -> None:
    with pytest.raises(ManifestError) as caught:
        load(smallest + "".join(f"key{number}: 1\n" for number in range(5000)))
    assert "4,900 more" in str(caught.value)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_editors_do(smallest: str, newline: str) -> None:
    text = smallest.replace("active: v1.0.0", "active: v9.0.0").replace("\n", newline)
    (problem,) = problems(text.encode())
    assert (problem.line, problem.column, problem.source_line) == (4, 13, "    active: v9.0.0")


def test_a_byte_order_mark_moves_nothing(smallest: str) -> None:
    (problem,) = problems(b"\xef\xbb\xbf" + smallest.replace("schema_version: 1", "schema_version: x").encode())
    assert (problem.line, problem.column) == (1, 17)


@pytest.mark.parametrize("text", ["yes", "010", "1_000", "0x1F", "12:30", ".5.", "1e999", "٣", ".inf", "-"])
def test_numbers_are_only_what_every_reader_takes_for_one(smallest: str, text: str) -> None:
    assert problems(f"{smallest}retention: {{min_age_days: {text}}}\n")[0].message.endswith("must be a whole number")


@settings(max_examples=300)
@given(st.text())
def test_any_text_gets_an_error_that_explains_itself(text: str) -> None:
    assert problems(text)


@settings(max_examples=300)
@given(st.data())
def test_any_slip_of_the_keyboard_gets_an_answer_within_the_file(fullest: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(fullest)))
    cut = data.draw(st.integers(0, 5))
    slip = data.draw(st.text(alphabet=" \n\t:-{}[],#&*!|>'\"%@`ab1\r", max_size=4))
    text = fullest[:at] + slip + fullest[at + cut :]
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for problem in problems(text):
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.source_line in ("", lines[problem.line - 1])


HOSTED = {
    "inference-endpoint": "{kind: inference-endpoint, namespace: asha, name: butterflies}",
    "space": "{kind: space, repo_id: asha/butterflies}",
    "follows-registry": "{kind: follows-registry, predict_url: 'https://api.example.org/predict'}",
}


LOCAL = "\n      kind: local\n      port: 8002"
"""How the fullest file has production's, whose version is on the Hub."""


@pytest.mark.parametrize("endpoint", HOSTED.values(), ids=HOSTED)
def test_an_endpoint_may_be_elsewhere(fullest: str, endpoint: str) -> None:
    manifest = load(fullest.replace(LOCAL, f" {endpoint}"))
    assert f"kind: {manifest.environments['production'].endpoint.kind}" in endpoint


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("{kind: inference-endpoint, namespace: asha}", "production.endpoint has no name, and needs one"),
        ("{kind: inference-endpoint, namespace: asha, name: Butterflies}", "small letters, digits and hyphens"),
        (f"{{kind: inference-endpoint, namespace: asha, name: {'a' * 33}}}", "small letters, digits and hyphens"),
        ("{kind: inference-endpoint, namespace: ../x, name: b}", "a namespace is a user or an organisation"),
        ("{kind: space, repo_id: butterflies}", "a Space is called org/name"),
        ("{kind: space, repo: asha/butterflies}", "has no key repo"),
        ("{kind: follows-registry, predict_url: 'http://api.example.org'}", "must be where photos are posted"),
        ("{kind: follows-registry, predict_url: 'https://me:secret@example.org'}", "must be where photos are posted"),
    ],
)
def test_where_it_is_must_be_said_rightly(fullest: str, endpoint: str, said: str) -> None:
    with pytest.raises(ManifestError) as error:
        load(fullest.replace(LOCAL, f" {endpoint}"))
    assert said in str(error.value)


@pytest.mark.parametrize("kind", ["inference-endpoint", "space"])
def test_what_serves_models_of_the_hub_serves_no_folder(smallest: str, kind: str) -> None:
    folder = smallest.replace("{kind: local}", HOSTED[kind])
    with pytest.raises(ManifestError) as error:
        load(folder)
    assert "a folder of this repository" in str(error.value)
    assert "push it to the Hub, and register that commit as a version" in str(error.value)
    (problem,) = error.value.problems
    assert problem.source_line.strip() == "active: v1.0.0"


def test_two_environments_do_not_share_one(fullest: str) -> None:
    shared = HOSTED["space"]
    text = fullest.replace(LOCAL, f" {shared}").replace("endpoint: none", f"endpoint: {shared}")
    with pytest.raises(ManifestError, match=r"is the Space asha/butterflies, and so is production\.endpoint"):
        load(text)
