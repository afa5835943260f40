"""The known images in a browser: looked at, added to and put right; nothing that is sent does harm."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from html import unescape
from io import BytesIO
from urllib.parse import quote

import pytest
from PIL import Image

from dashboard.world import Browser, World, asked_elsewhere, flips
from evaluation.photo_files import KANDY, bomb, drawing, exif, half, saved

ADD, PHOTO = "/known-images/add", "/known-images/photo"
BLUE_TIGER, CROW = "045", "Common Crow"
REASON = "Seen at close range"


@pytest.fixture(scope="module")
def here(world: World) -> Iterator[str]:
    """A dashboard of these tests' own: it counts the photos that somebody sends."""
    with world.dashboard() as url:
        yield url


@pytest.fixture
def desk(world: World) -> Iterator[World]:
    """The world, whose branches are taken away again."""
    yield world
    for name in branches(world):
        world.desk.git("branch", "--quiet", "-D", name)


def branches(world: World) -> set[str]:
    return set(world.workspace.git.branches()) - {"main"}


def photo(of: str = "blue_tiger_02") -> bytes:
    return saved(drawing(of), quality=90, exif=exif(place=KANDY))


def test_it_says_how_many_there_are_and_how_many_lack(browser: Browser) -> None:
    shown = unescape(browser.get("/known-images").text)
    assert "nothing to mend; too few to show a margin of 2 points</h1>" in shown
    assert re.search(r"About [\d,]+ would show, .*: [\d,]+ more\.", shown)
    assert shown.count('loading="lazy"') == 12
    assert '<td class="figure">1</td>' in shown


def test_photos_of_a_species_or_hard_ones_are_shown_alone(browser: Browser) -> None:
    shown = browser.get(f"/known-images?species={BLUE_TIGER}").text
    assert re.findall(r'<p class="file">([^<]*)', shown) == ["blue_tiger_01.jpg"]
    hard = browser.get("/known-images?show=hard+for+all").text
    assert hard.count('class="file"') < 12
    assert "hard for all: v1.1.0 and v1.0.0 name" in hard
    for odd in ("species=<script>", "page=-1", "page=999999999", "show=all&species=%00"):
        assert browser.get(f"/known-images?{odd}").status_code == 200


@pytest.fixture
def rolled_back(desk: World) -> Iterator[World]:
    """v1.1.0 is active nowhere any more, though it was tested on the same photos; main is as before in the end."""
    before = desk.desk.git("rev-parse", "main")
    desk.desk.set_active("staging", "v1.0.0")
    desk.desk.commit("Roll staging back to v1.0.0")
    yield desk
    desk.desk.git("reset", "--quiet", "--hard", before)


def test_what_a_version_says_is_told_after_it_was_rolled_back_too(rolled_back: World) -> None:
    with flips(rolled_back) as flipped, rolled_back.dashboard() as url, Browser(url) as fresh:
        hard = unescape(fresh.get("/known-images?show=hard+for+all").text)
        named = unescape(fresh.get(f"{PHOTO}?name={flipped.right.file_name}").text)
    assert "None is hard for all: v1.0.0 or v1.1.0 names each right." in hard
    assert flipped.right.file_name not in hard
    assert re.search(r"<b>v1\.1\.0</b>: .*>right<", named)


@pytest.fixture
def tested_on_few(world: World) -> Iterator[None]:
    """Six versions that were tested last, each on two of the photos alone."""
    with world.database() as owner:
        owner.execute(
            "insert into public.model_versions (version_name, file_path, revision)"
            " select 'few-' || n, 'models/few', 'sha256:' || repeat('1', 64) from generate_series(1, 6) n"
        )
        owner.execute(
            "insert into public.model_performance_logs"
            " (model_version_id, test_accuracy, test_sample_size, environment, kind, details)"
            " select few.id, 1, 2, one.environment, one.kind, one.details || jsonb_build_object("
            "   'known_images_sha256', repeat('2', 64),"
            "   'answers', jsonb_path_query_array(one.details, '$.answers[0 to 1]'))"
            " from public.model_versions few, lateral ("
            "   select l.* from public.model_performance_logs l join public.model_versions v"
            "   on v.id = l.model_version_id where l.kind = 'known-images' and v.version_name = 'v1.1.0' limit 1) one"
            " where few.version_name like 'few-%'"
        )
        yield
        few = "(select id from public.model_versions where version_name like 'few-%')"
        owner.execute(f"delete from public.model_performance_logs where model_version_id in {few}")  # noqa: S608
        owner.execute("delete from public.model_versions where version_name like 'few-%'")


@pytest.mark.usefixtures("tested_on_few")
def test_tests_on_few_of_the_photos_hide_no_test_on_all(rolled_back: World) -> None:
    with rolled_back.dashboard() as url, Browser(url) as fresh:
        shown = unescape(fresh.get("/known-images").text)
    assert "hard for all: v1.0.0 and v1.1.0 name" in shown


def test_one_version_alone_makes_no_photo_hard_for_all(browser: Browser, rolled_back: World) -> None:
    called = "update public.model_performance_logs set kind = %s where id = any(%s)"
    with rolled_back.database() as owner:
        tests = [
            id_
            for (id_,) in owner.execute(
                "select p.id from public.model_performance_logs p join public.model_versions v"
                " on v.id = p.model_version_id where kind = 'known-images' and version_name = 'v1.1.0'"
            ).fetchall()
        ]
        owner.execute(called, ["by hand", tests])
        shown = unescape(browser.get("/known-images?show=hard+for+all").text)
        owner.execute(called, ["known-images", tests])
    assert re.search("v1.0.0 names [0-9]+ wrong; no registry has a test of another version on most", shown)
    assert '<span class="mark">v1.0.0 names it wrong</span>' in shown
    assert ">hard for all<" not in shown


def test_added_photos_are_a_change_without_the_place(browser: Browser, desk: World) -> None:
    sent = [("IMG_2041.JPG", photo()), ("IMG_2041.JPG", photo("blue_tiger_03"))]
    answer = browser.give(sent, ADD, ADD, species=BLUE_TIGER, reason=REASON)
    assert answer.status_code == 303, answer.text
    (branch,) = branches(desk)
    changed = desk.desk.git("diff", "--name-only", "main", branch).splitlines()
    assert len(changed) == 3
    contents = [desk.workspace.git.content(branch, path) or b"" for path in changed if path.endswith(".jpg")]
    assert len(contents) == 2
    assert not any(b"GPS" in content or Image.open(BytesIO(content)).getexif() for content in contents)
    assert "Add 2 photos of Blue Tiger" in browser.get(answer.headers["Location"]).text
    again = browser.give(sent, ADD, ADD, species=BLUE_TIGER, reason=REASON)
    assert (again.headers["Location"], branches(desk)) == (answer.headers["Location"], {branch})


def pictures(page: str) -> list[tuple[str, str, str]]:
    """Of the gallery of a change: where each photo is, its species, and what becomes of it."""
    found = re.findall(r'<li><img src="([^"]*)" alt="([^"]*)".*?<span class="mark">([^<]*)<', page, re.DOTALL)
    return [(unescape(address), species, mark) for address, species, mark in found]


def test_the_page_of_a_change_shows_the_photos_that_it_adds(browser: Browser, desk: World) -> None:
    sent = [("a.jpg", photo()), ("b.jpg", photo("blue_tiger_03"))]
    followed = browser.give(sent, ADD, ADD, species=BLUE_TIGER, reason=REASON).headers["Location"]
    added = pictures(browser.get(followed).text)
    assert [(species, mark) for _, species, mark in added] == [("Blue Tiger", "new")] * 2
    for address, *_ in added:
        shown = browser.get(address)
        assert shown.headers["Content-Type"] == "image/jpeg"
        assert "private" in shown.headers["Cache-Control"]
        assert shown.content.startswith(b"\xff\xd8\xff")
    before = desk.desk.git("rev-parse", "main")
    desk.desk.git("merge", "--quiet", "--no-ff", "--no-edit", followed.rpartition("/")[2])
    assert pictures(browser.get(followed).text) == added
    desk.desk.git("reset", "--quiet", "--hard", before)


def test_the_page_of_a_change_of_a_label_shows_its_photo(browser: Browser, desk: World) -> None:
    page = f"{PHOTO}?name=blue_tiger_01.jpg"
    labelled = browser.fill(page, PHOTO, answer="label", species=CROW, reason=REASON).headers["Location"]
    ((address, species, mark),) = pictures(browser.get(labelled).text)
    assert (species, mark) == ("Common Crow", "was Blue Tiger")
    assert browser.get(address).status_code == 200
    gone = browser.fill(page, PHOTO, answer="remove", reason=REASON).headers["Location"]
    page = browser.get(gone).text
    assert [what[1:] for what in pictures(page)] == [("Blue Tiger", "taken out")]
    (seen,) = re.findall(r"seen=(\w+)", page)
    assert browser.get(f"{gone}/progress?seen={seen}").status_code == 204
    before = desk.desk.git("rev-parse", "main")
    desk.desk.git("merge", "--quiet", "--no-ff", "--no-edit", labelled.rpartition("/")[2])
    now = "<p>main has it as Common Crow now</p>"
    assert now in browser.get(gone).text
    moved = browser.get(f"{gone}/progress?seen={seen}").text
    assert now in moved[moved.index('<section id="photos" hx-swap-oob="true">') :]
    desk.desk.git("reset", "--quiet", "--hard", before)


@pytest.mark.parametrize("path", ["models.yaml", "photos/common_crow_01.jpg", "photos/metadata.csv"])
def test_a_change_gives_no_picture_of_anything_else(browser: Browser, desk: World, path: str) -> None:
    followed = browser.give([("a.jpg", photo())], ADD, ADD, species=BLUE_TIGER, reason=REASON).headers["Location"]
    blob = desk.desk.git("rev-parse", f"main:{path}")
    for other in (blob, path.replace("/", "%2F"), "..%2F..", "0" * 40):
        assert browser.get(f"{followed}/photos/{other}").status_code == 404


def truncated() -> bytes:
    return half(photo())


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.jpg", b"#!/bin/sh\nreboot\n", "is no image that can be read"),
        ("x.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "is no image"),
        ("x.jpg", b"<?php system('id'); ?>", "is no image"),
        ("x.jpg", b"", "is empty"),
        ("bomb.jpg", bomb(), "has more than 128 million pixels"),
        ("half.jpg", truncated(), "cannot be decoded"),
        ("again.jpg", photo("blue_tiger_01"), "shows the same as the known image blue_tiger_01.jpg"),
        ("good copy.jpg", photo(), "shows the same as good.jpg"),
    ],
    ids=["script", "svg", "php", "empty", "bomb", "truncated", "known", "twice"],
)
def test_what_is_no_new_photo_is_refused_by_its_name(
    browser: Browser, desk: World, name: str, content: bytes, says: str
) -> None:
    answer = browser.give([("good.jpg", photo()), (name, content)], ADD, ADD, species=BLUE_TIGER, reason=REASON)
    assert answer.status_code == 409
    assert f"{name} {says}" in unescape(answer.text)
    assert f">{REASON}</textarea>" in answer.text
    assert not branches(desk)


@pytest.mark.parametrize(
    "name",
    ["../../models.yaml", "..\\..\\x.jpg", "/etc/cron.d/x", "a\x00b.jpg", "<script>alert(1)</script>.jpg", "é" * 300],
)
def test_no_name_of_a_file_leads_anywhere(browser: Browser, desk: World, name: str) -> None:
    answer = browser.give([(name, photo())], ADD, ADD, species=BLUE_TIGER, reason=REASON)
    assert answer.status_code == 303, answer.text
    (branch,) = branches(desk)
    changed = set(desk.desk.git("diff", "--name-only", "main", branch).splitlines())
    (added,) = changed - {"photos/metadata.csv"}
    assert re.fullmatch(r"photos/blue_tiger_[0-9a-f]{10}\.jpg", added)


@pytest.mark.parametrize(
    ("fields", "sent", "says"),
    [
        ({"species": "Unicorn"}, 1, "there is no species Unicorn"),
        ({"reason": ""}, 1, "a change needs a reason"),
        ({}, 0, "there is no photo"),
        ({}, 21, "21 photos are too many at once"),
    ],
)
def test_what_lacks_is_said_on_the_form(
    browser: Browser, desk: World, fields: dict[str, str], sent: int, says: str
) -> None:
    said = {"species": BLUE_TIGER, "reason": REASON} | fields
    answer = browser.give([("a.jpg", photo())] * sent, ADD, ADD, **said)
    assert (answer.status_code, says in unescape(answer.text)) == (422, True)
    assert not branches(desk)


def test_who_sends_photo_after_photo_has_to_wait(world: World) -> None:
    with world.dashboard() as url, Browser(url) as browser:
        answers = [browser.give([("a.jpg", b"")] * 20, ADD, ADD, species="x", reason=REASON) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [422, 422, 422, 429]


def test_a_form_that_is_too_large_is_not_read(browser: Browser, desk: World) -> None:
    large = [("large.jpg", b"\0" * (97 << 20))]
    assert browser.give(large, ADD, ADD, species=BLUE_TIGER, reason=REASON).status_code == 413
    assert not branches(desk)


@pytest.fixture
def grown(browser: Browser, desk: World) -> Iterator[World]:
    """A photo more on main, and another label, since the models were asked; main is as before in the end."""
    before = desk.desk.git("rev-parse", "main")
    added = browser.give([("a.jpg", photo())], ADD, ADD, species=BLUE_TIGER, reason=REASON)
    relabelled = browser.fill(f"{PHOTO}?name=blue_tiger_01.jpg", PHOTO, answer="label", species=CROW, reason=REASON)
    for answer in (added, relabelled):
        desk.desk.git("merge", "--quiet", "--no-edit", answer.headers["Location"].rpartition("/")[2])
    yield desk
    desk.desk.git("reset", "--quiet", "--hard", before)


@pytest.fixture
def copied(desk: World) -> Iterator[str]:
    """The name of a second copy of a photo on main; main is as before in the end."""
    before = desk.desk.git("rev-parse", "main")
    photos = desk.desk.folder / "photos"
    copy = photos / "blue_tiger_02.jpg"
    shutil.copy(photos / "blue_tiger_01.jpg", copy)
    listed = photos / "metadata.csv"
    (line,) = (one for one in listed.read_text().splitlines() if one.startswith("blue_tiger_01.jpg,"))
    with listed.open("a") as file:
        file.write(f"{line.replace('_01', '_02')}\n")
    desk.desk.commit("Add a photo again")
    yield copy.name
    desk.desk.git("reset", "--quiet", "--hard", before)


def test_a_photo_that_is_there_twice_leads_to_the_form_that_takes_one_out(browser: Browser, copied: str) -> None:
    shown = unescape(browser.get("/known-images").text)
    (found,) = re.findall(r"<li>(<b>Mend:</b> The same file more than once.*?)</li>", shown)
    forms = re.findall('<a href="([^"#]*)#wrong">([^<]*)</a>', found)
    assert [name for _, name in forms] == ["blue_tiger_01.jpg", copied]
    for form, _ in forms:
        page = unescape(browser.get(form).text)
        assert 'id="wrong"' in page
        assert "The same file more than once: blue_tiger_01.jpg, blue_tiger_02.jpg. Keep one of them." in page
        assert "or another shows the same: take it out" in page


def test_what_models_said_of_other_photos_stays_when_one_comes(browser: Browser, grown: World) -> None:
    shown = unescape(browser.get("/known-images").text)
    for version in ("v1.0.0", "v1.1.0"):
        lacks = f"{version} was not asked about 1 photo yet. Where this dashboard runs: <code>lepinet test {version}"
        assert lacks in shown
    assert "hard for all: v1.1.0 and v1.0.0 name them wrong" in shown
    relabelled = unescape(browser.get(f"{PHOTO}?name=blue_tiger_01.jpg").text)
    assert re.search(r"<b>v1\.0\.0</b>: Blue Tiger, .*>wrong<", relabelled)
    known = grown.workspace.known_images
    assert known
    (new,) = (one.file_name for one in known.images if re.search("[0-9a-f]{10}", one.file_name))
    alone = unescape(browser.get(f"{PHOTO}?name={new}").text)
    assert "What models say" not in alone
    assert "v1.0.0 was not asked about it yet. Where this dashboard runs: <code>lepinet test v1.0.0</code>" in alone


def test_what_models_said_stays_when_they_were_tested_on_other_photos_since(browser: Browser, grown: World) -> None:
    with asked_elsewhere(grown):
        shown = unescape(browser.get("/known-images").text)
    for version in ("v1.0.0", "v1.1.0"):
        assert f"{version} was not asked about 1 photo yet." in shown
    assert "hard for all: v1.1.0 and v1.0.0 name them wrong" in shown


@pytest.mark.usefixtures("rolled_back")
def test_a_rolled_back_version_is_named_for_what_it_was_not_asked_too(browser: Browser, grown: World) -> None:
    unasked = "v1.1.0 was not asked about 1 photo yet."
    shown = unescape(browser.get("/known-images").text)
    assert f"{unasked} Where this dashboard runs: <code>lepinet test v1.1.0<" in shown
    manifest = grown.desk.folder / "models.yaml"
    manifest.write_text(re.sub(r"^  v1\.1\.0: .*\n", "", manifest.read_text(), flags=re.MULTILINE))
    grown.desk.commit("Retire v1.1.0")
    assert f"{unasked}</p>" in unescape(browser.get("/known-images").text)


def test_a_wrong_label_is_put_right_by_a_change(browser: Browser, desk: World) -> None:
    page = f"{PHOTO}?name=blue_tiger_01.jpg"
    shown = browser.get(page).text
    assert "<h1>Blue Tiger</h1>" in shown
    assert "<b>v1.0.0</b>: " in shown
    answer = browser.fill(page, PHOTO, answer="label", species=CROW, reason=REASON)
    assert "Label blue_tiger_01.jpg as Common Crow" in browser.get(answer.headers["Location"]).text
    gone = browser.fill(page, PHOTO, answer="remove", reason=REASON)
    removal = browser.get(gone.headers["Location"]).text
    assert "Take blue_tiger_01.jpg out" in removal
    other = f'<a href="{answer.headers["Location"]}">Label blue_tiger_01.jpg as Common Crow</a>'
    assert f"Also on its way, for the same photo: {other}." in removal
    assert other in browser.get(page).text.partition("On its way, and not merged yet: ")[2]
    assert "On its way" not in browser.get(f"{PHOTO}?name=common_crow_01.jpg").text
    assert len(branches(desk)) == 2
    refused = browser.fill(page, PHOTO, answer="label", species=BLUE_TIGER, reason=REASON)
    assert (refused.status_code, "is of Blue Tiger already" in refused.text) == (409, True)


@pytest.mark.parametrize(
    "name", ["../models.yaml", "metadata.csv", "", "nobody.jpg", "\0", "<script>alert(1)</script>"]
)
def test_only_known_images_have_a_page(browser: Browser, desk: World, name: str) -> None:
    shown = browser.get(f"{PHOTO}?name={quote(name)}")
    assert (shown.status_code, "<script>alert" in shown.text) == (404, False)
    sent = browser.fill(f"{PHOTO}?name=blue_tiger_01.jpg", PHOTO, name=name, answer="remove", reason=REASON)
    assert (sent.status_code, branches(desk)) == (404, set())


@pytest.mark.parametrize("path", [ADD, PHOTO, "/check-photo"])
def test_a_form_of_another_site_is_not_taken(browser: Browser, desk: World, path: str) -> None:
    said = {"species": BLUE_TIGER, "reason": REASON, "name": "blue_tiger_01.jpg", "answer": "remove"}
    assert browser.send(path, said).status_code == 403
    assert browser.send(path, said, Origin="https://evil.example").status_code == 403
    assert not branches(desk)


@pytest.mark.parametrize("path", [ADD, PHOTO, "/check-photo"])
def test_who_has_not_come_in_sends_nothing(visitor: Browser, hosted: World, path: str) -> None:
    answer = visitor.send(path, {"reason": REASON}, Origin=visitor.url)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert not branches(hosted)
