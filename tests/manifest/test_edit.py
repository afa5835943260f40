from __future__ import annotations

import difflib
import json
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lepinet.errors import RefusedError, UsageError
from lepinet.manifest.edit import activate, register, retire
from lepinet.manifest.load import load
from lepinet.manifest.model import ModelVersion
from lepinet.manifest.problems import ManifestError

NEW = ModelVersion(
    file_path="tests/models/v2.0.0",
    revision="sha256:" + "ab" * 32,
    training_image_count=6600,
    accuracy_score=0.9412,
    created_at=datetime(2026, 11, 23, 8, 30, tzinfo=UTC),
    notes="1,200 more wet-season photos; same architecture",
    links={"run": "https://example.org/runs/57?a=b#c"},
)


def changed_lines(before: bytes, after: bytes) -> tuple[list[str], list[str]]:
    """Lines taken out and lines put in, with their ends."""
    old, new = (content.decode().splitlines(keepends=True) for content in (before, after))
    found = [line for line in difflib.ndiff(old, new) if line[0] in "+-"]
    return [line[2:] for line in found if line[0] == "-"], [line[2:] for line in found if line[0] == "+"]


def test_activate_touches_one_line_and_keeps_its_comment(fullest: str) -> None:
    before = fullest.replace("    frozen: field week until 30 November\n", "").replace(
        '    override: {version: v1.0.0, reason: "Season opens tomorrow; decided with Bhanura"}\n', ""
    )
    after = activate(before.encode(), "production", "v1.1.0")
    assert changed_lines(before.encode(), after) == (
        ["    active: v1.0.0       # the champion\n"],
        ["    active: v1.1.0       # the champion\n"],
    )


def test_activating_another_version_takes_the_old_override_with_it(fullest: str) -> None:
    after = activate(fullest.encode(), "production", "v1.1.0")
    out, put = changed_lines(fullest.encode(), after)
    assert len(out) == 2
    assert len(put) == 1
    assert load(after).environments["production"].override is None


@pytest.mark.parametrize("name", ["best of 2024", "1.0", "v1", 'm: "x", #2', "null", "{a}", "ටිකිරි"])
def test_old_names_are_activated_as_they_are(smallest: str, name: str) -> None:
    quoted = json.dumps(name, ensure_ascii=False)
    both = f"{smallest}  {quoted}: {{file_path: a/b, revision: {'a' * 40}, legacy: true}}\n".encode()
    after = activate(both, "production", name, override="it is the best")
    production = load(after).environments["production"]
    assert production.override
    assert (production.active, production.override.version) == (name, name)
    assert load(activate(after, "production", "v1.0.0")) == load(both)


def test_activating_what_is_active_changes_nothing(fullest: str) -> None:
    assert activate(fullest.encode(), "production", "v1.0.0") == fullest.encode()


def test_an_override_travels_with_the_version(fullest: str) -> None:
    reason = 'he said: "go"; ඔව් #1 {x}\n\ttwice'
    after = activate(fullest.encode(), "staging", "v1.0.0", override=reason)
    override = load(after).environments["staging"].override
    assert override is not None
    assert (override.version, override.reason) == ("v1.0.0", reason)
    assert activate(after, "staging", "v1.1.0") == fullest.encode()


def test_first_activation_where_nothing_stands_yet(fullest: str, smallest: str) -> None:
    after = activate(fullest.encode(), "phones", "v1.1.0", override="decided")
    assert changed_lines(fullest.encode(), after)[1][0] == "    active: v1.1.0\n"
    without = smallest.replace("    active: v1.0.0\n", "").encode()
    assert load(activate(without, "production", "v1.0.0", override="decided")).environments["production"].override


def test_registered_version_comes_behind_the_comments_of_the_last_one(fullest: str) -> None:
    after = register(fullest.encode(), "v2.0.0", NEW)
    assert after.startswith(fullest.encode().rstrip(b"\n"))
    assert after.decode()[len(fullest) :] == (
        "  v2.0.0:\n"
        "    file_path: tests/models/v2.0.0\n"
        f"    revision: sha256:{'ab' * 32}\n"
        "    training_image_count: 6600\n"
        "    accuracy_score: 0.9412\n"
        "    created_at: 2026-11-23T08:30:00Z\n"
        '    notes: "1,200 more wet-season photos; same architecture"\n'
        '    links: {run: "https://example.org/runs/57?a=b#c"}\n'
    )


def test_register_before_other_parts_of_the_file(smallest: str) -> None:
    head, versions = smallest.split("versions:\n")
    first, rest = head.split("environments:\n")
    text = f"{first}versions:\n{versions}\n# where they run\nenvironments:\n{rest}"
    after = register(text.encode(), "v2.0.0", NEW)
    out, put = changed_lines(text.encode(), after)
    assert (out, len(put)) == ([], 8)
    assert list(load(after).versions) == ["v1.0.0", "v2.0.0"]


def test_first_version_of_a_file_without_any(smallest: str) -> None:
    text = re.sub(r"versions:\n(.|\n)*", "versions: {}  # none yet\n", smallest).replace("    active: v1.0.0\n", "")
    after = register(text.encode(), "v2.0.0", NEW)
    assert load(after).versions == {"v2.0.0": NEW}
    assert b"# none yet" in after


def test_register_keeps_moments_whatever_their_offset(smallest: str) -> None:
    there = timezone(timedelta(hours=5, minutes=30))
    version = NEW.model_copy(update={"created_at": datetime(2026, 11, 23, 14, 0, 0, 123456, tzinfo=there)})
    assert load(register(smallest.encode(), "v2.0.0", version)).versions["v2.0.0"] == version


def test_files_in_brackets_are_edited_too(smallest: str) -> None:
    text = (
        '{"schema_version": 1, "environments": {"production": {"active": "v1.0.0", "registry": "embedded", '
        '"endpoint": "local"}}, "versions": {"v1.0.0": {"file_path": "a/b", "revision": "' + "0" * 40 + '"}}}'
    )
    after = activate(register(text.encode(), "v2.0.0", NEW), "production", "v2.0.0", override="decided")
    assert b'"active": "v2.0.0"' in after
    back = activate(after, "production", "v1.0.0")
    assert back == register(text.encode(), "v2.0.0", NEW)
    assert load(back).environments == load(smallest).environments


def test_names_that_are_not_there(smallest: str) -> None:
    with pytest.raises(UsageError, match="did you mean production"):
        activate(smallest.encode(), "prodution", "v1.0.0")
    with pytest.raises(UsageError, match=r"did you mean v1\.0\.0"):
        activate(smallest.encode(), "production", "v1.0.1")
    with pytest.raises(UsageError, match="reason"):
        activate(smallest.encode(), "production", "v1.0.0", override=" ")
    with pytest.raises(RefusedError, match="never changes"):
        register(smallest.encode(), "v1.0.0", NEW)
    with pytest.raises(ManifestError):
        register(b"nonsense", "v1.0.0", NEW)


def test_what_no_file_may_hold_is_refused_before_it_is_written(smallest: str) -> None:
    for notes in ("a \x1b[2J b", "\ud800"):
        with pytest.raises(RefusedError, match="by hand"):
            register(smallest.encode(), "v2.0.0", NEW.model_copy(update={"notes": notes}))


def test_what_cannot_be_edited_safely_is_left_to_people(smallest: str) -> None:
    # Whatever comes behind it gives this text a line end that it does not have.
    text = f"{smallest}    notes: |\n      two\n      lines"
    with pytest.raises(RefusedError, match=r"edit models\.yaml by hand: versions: v2\.0\.0"):
        register(text.encode(), "v2.0.0", NEW)


COMMENTS = st.sampled_from(["", "  # why: because", " # ජය", "   #"])
LONE = st.sampled_from(["", "", "# a line of its own\n", "\n", " # indented\n"])


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """One manifest, written in the many ways that people write it."""
    step = " " * draw(st.sampled_from([1, 2, 4]))
    quote = draw(st.sampled_from(["", '"', "'"]))
    name = f"{quote}v1.0.0{quote}"
    override = draw(
        st.sampled_from(
            [
                None,
                "override: {version: v1.0.0, reason: decided}",
                f"override:\n{step * 3}reason: >\n{step * 4}long\n{step * 4}story\n{step * 3}version: {name}",
                f"override:\n{step * 3}version: v1.0.0\n{step * 3}reason: |-\n{step * 4}decided\n\n",
            ]
        )
    )
    settings = [
        f"active: {name}",
        "registry: embedded",
        draw(st.sampled_from(["endpoint: local", "endpoint: {kind: none}"])),
    ]
    settings += [override] if override else []
    settings = draw(st.permutations(settings))
    production = "".join(f"{draw(LONE)}{step * 2}{line}{'' if '|' in line else draw(COMMENTS)}\n" for line in settings)
    last = draw(
        st.sampled_from(["", f"{step * 2}notes: |\n{step * 3}two\n{step * 3}lines\n", f"{step * 2}notes: 'x'\n"])
    )
    revision = f"{step * 2}revision: {'0' * 40}{draw(COMMENTS)}\n"
    versions = (
        f"versions:{draw(COMMENTS)}\n{step}v1.0.0:\n{step * 2}file_path: a/b\n{revision}"
        f"{step}v1.1.0:\n{step * 2}file_path: a/b\n{revision}{last}{draw(LONE)}"
    )
    environments = f"environments:\n{step}production:{draw(COMMENTS)}\n{production}{draw(LONE)}"
    parts = draw(st.permutations(["schema_version: 1\n", environments, versions]))
    text = draw(LONE) + "".join(parts)
    # A block text that is the file's end has no line end of its own: see the test of edits by hand.
    text = text.removesuffix("\n") if "|\n" not in text and draw(st.booleans()) else text
    text = text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))
    return (b"\xef\xbb\xbf" if draw(st.booleans()) else b"") + text.encode()


def comments(content: bytes) -> list[str]:
    return re.findall(r"#.*", content.decode().replace("\r", ""))


def assert_only_lines_of(before: bytes, after: bytes, *, most_out: int) -> None:
    out, put = changed_lines(before, after)
    last = before.decode().splitlines(keepends=True)[-1]
    # A last line without an end gets one when something follows it.
    assert len([line for line in out if line != last or line.endswith(("\n", "\r"))]) <= most_out
    ends = {line[len(line.rstrip("\r\n")) :] for line in put} - {""}
    assert ends <= {"\r\n" if b"\r\n" in before else "\n"}
    assert before.startswith(b"\xef\xbb\xbf") == after.startswith(b"\xef\xbb\xbf")


@given(files())
def test_registering_puts_lines_in_and_takes_none_out(content: bytes) -> None:
    after = register(content, "v2.0.0", NEW)
    assert_only_lines_of(content, after, most_out=0)
    assert comments(after) == comments(content) or len(comments(after)) == len(comments(content)) + 1


@given(files(), st.text(alphabet=st.characters(exclude_categories=["C"]), min_size=1, max_size=40))
def test_activating_there_and_back_keeps_every_other_line(content: bytes, reason: str) -> None:
    assume(reason.strip())
    had = load(content).environments["production"].override
    after = activate(content, "production", "v1.1.0")
    assert_only_lines_of(content, after, most_out=7 if had else 1)
    back = activate(after, "production", "v1.0.0")
    assert had or back == content
    overridden = activate(content, "production", "v1.1.0", override=reason)
    now = load(overridden).environments["production"].override
    assert now is not None
    assert now.reason == reason
    assert comments(activate(overridden, "production", "v1.0.0")) == comments(back)


FOUR = """\
schema_version: 1
environments: {production: {active: v1.2.0, registry: embedded, endpoint: local}}
versions:
  # all of them were trained in Kandy
  v1.0.0: {file_path: a/b, revision: 0000000000000000000000000000000000000000}
  # the first one with phones' photos,
  # from the wet season
  v1.1.0:
    file_path: a/b
    revision: 1111111111111111111111111111111111111111
    notes: |
      many words,
      on several lines
    # its photos are on the blue disk

  # after the storm
  v1.2.0:
    file_path: a/b
    revision: 2222222222222222222222222222222222222222
  v1.3.0:
    file_path: a/b
    revision: 3333333333333333333333333333333333333333
    # its photos are on the red disk
"""


def lines_without(first: str, last: str) -> str:
    """FOUR without the lines from one to another."""
    lines = FOUR.splitlines(keepends=True)
    begin, end = (next(n for n, line in enumerate(lines) if text in line) for text in (first, last))
    return "".join(lines[:begin] + lines[end + 1 :])


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("v1.0.0", lines_without("  v1.0.0:", "  v1.0.0:")),
        ("v1.1.0", lines_without("the first one with", "blue disk")),
        ("v1.3.0", lines_without("  v1.3.0:", "red disk")),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_retired_version_goes_with_its_own_comments_and_nothing_else(name: str, left: str, end: str) -> None:
    before, after = (text.replace("\n", end).encode() for text in (FOUR, left))
    assert retire(before, [name]) == after


def test_the_last_line_may_have_no_end() -> None:
    assert retire(FOUR.rstrip("\n").encode(), ["v1.3.0"]).decode() == lines_without("  v1.3.0:", "red disk").rstrip(
        "\n"
    )


def test_several_are_retired_at_once() -> None:
    after = retire(FOUR.encode(), ["v1.3.0", "v1.0.0", "v1.1.0"])
    assert list(load(after).versions) == ["v1.2.0"]
    assert "# after the storm" in after.decode()


@pytest.mark.parametrize("names", [["v1.0.0"], ["v1.1.0"], ["v1.2.0"], ["v1.0.0", "v1.1.0"], ["v1.2.0", "v1.0.0"]])
def test_versions_in_braces_are_retired_too(names: list[str]) -> None:
    listed = ", ".join(f"v1.{n}.0: {{file_path: a/b, revision: {str(n) * 40}}}" for n in range(4))
    text = "schema_version: 1\nenvironments: {production: {active: v1.3.0, registry: embedded, endpoint: local}}\n"
    after = retire(f"{text}versions: {{{listed}}}\n".encode(), names)
    assert set(load(after).versions) == {"v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0"} - set(names)


def test_what_an_environment_names_is_not_retired() -> None:
    with pytest.raises(RefusedError, match="no version has that name"):
        retire(FOUR.encode(), ["v1.2.0"])


def test_an_unknown_version_is_not_retired() -> None:
    with pytest.raises(UsageError, match=r"no version v1\.9\.0"):
        retire(FOUR.encode(), ["v1.9.0"])
