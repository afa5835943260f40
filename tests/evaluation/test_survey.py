"""What is said of known images: what must be mended, what is good to know, and how many more are needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from evaluation.test_fingerprints import BLANK, bits, written
from lepinet.evaluation.cases import KnownImage, KnownImages, digest_of_images
from lepinet.evaluation.fingerprints import Words, training_fingerprints
from lepinet.evaluation.labels import Species
from lepinet.evaluation.photos import Look
from lepinet.evaluation.survey import Finding, Kind, Seen, Survey, Wanted, survey
from lepinet.report.survey import terminal
from report.reports import NOW

TIGER, CROW = Species("001", "Blue Tiger"), Species("002", "Common Crow")
WANTED = Wanted(confidence=0.95, power=0.8, margin=0.05, margin_of_species=0.2)


def image(name: str, *, species: Species = TIGER, content: str | None = None, problem: str | None = None) -> KnownImage:
    digest = None if problem else sha256((content or name).encode()).hexdigest()
    return KnownImage(name, Path(name), species.id, species.name, digest, problem)


def surveyed(
    *images: KnownImage,
    looks: Mapping[str, Look] | None = None,
    listed: Sequence[Species] = (),
    unlisted: Sequence[str] = (),
    learned: Mapping[str, Words] | None = None,
    unknown: Mapping[str, str] | None = None,
    wanted: Wanted = WANTED,
) -> Survey:
    """Of these photos, each of which shows something of its own unless `looks` says otherwise, by its name."""
    own = {one.file_name: Look(sha256(one.file_name.encode()).hexdigest()) for one in images}
    by_name = own | dict(looks or {})
    digests = {one.sha256: by_name[one.file_name] for one in reversed(images) if one.sha256}
    digest = digest_of_images((one.file_name, one.sha256, one.expected_id) for one in images)
    seen = Seen(digests, unlisted, learned or {}, unknown or {})
    return survey(KnownImages(None, images, digest), seen, listed, wanted, NOW)


def found(survey: Survey, kind: Kind) -> list[Finding]:
    return [finding for finding in survey.findings if finding.kind is kind]


def test_good_photos_need_no_mending() -> None:
    whole = surveyed(*(image(f"{number}.jpg") for number in range(5)))
    assert (whole.findings, whole.counted, whole.known_images.size) == ((), 5, 5)
    assert terminal(whole, colour=False).startswith(
        "5 known images of 1 species, all count: nothing to mend; too few to show a margin of 5 points\n"
    )


def test_photos_that_tell_a_place_must_be_mended() -> None:
    (finding,) = found(
        surveyed(image("a.jpg"), image("b.jpg"), looks={"b.jpg": Look(BLANK, located=True)}), Kind.LOCATED
    )
    assert finding.mend
    assert finding.file_names == ("b.jpg",)
    assert finding.sentence == "1 photo with the place where it was taken; rare species are stolen by that: b.jpg"


def test_the_same_file_again_must_be_mended_and_counts_once() -> None:
    whole = surveyed(image("a.jpg"), image("b.jpg", content="a.jpg"), image("c.jpg"))
    (finding,) = found(whole, Kind.DUPLICATE)
    assert (finding.mend, finding.file_names) == (True, ("a.jpg", "b.jpg"))
    assert found(whole, Kind.ALIKE) == []
    assert whole.counted == 2


def test_a_burst_counts_once_and_is_good_to_know() -> None:
    looks = {"a.jpg": Look(bits(1)), "b.jpg": Look(bits(2)), "c.jpg": Look(bits(3))}
    whole = surveyed(image("a.jpg"), image("b.jpg"), image("c.jpg"), image("d.jpg", content="c.jpg"), looks=looks)
    (burst,) = found(whole, Kind.ALIKE)
    assert (burst.mend, burst.file_names) == (False, ("a.jpg", "b.jpg", "c.jpg"))
    assert [finding.file_names for finding in found(whole, Kind.DUPLICATE)] == [("c.jpg", "d.jpg")]
    assert whole.counted == 1


def test_one_photo_under_two_species_must_be_mended_and_counts_for_none() -> None:
    looks = {"a.jpg": Look(bits(1)), "b.jpg": Look(bits(2))}
    whole = surveyed(image("a.jpg"), image("b.jpg", species=CROW), image("c.jpg", content="a.jpg"), looks=looks)
    (finding,) = found(whole, Kind.TWO_SPECIES)
    assert finding.mend
    assert finding.sentence.endswith(": a.jpg (Blue Tiger), b.jpg (Common Crow), c.jpg (Blue Tiger)")
    assert found(whole, Kind.DUPLICATE) == []
    assert [(row.id, row.images, row.counted) for row in whole.species] == [("001", 2, 0), ("002", 1, 0)]


def test_what_cannot_be_read_must_be_mended() -> None:
    whole = surveyed(
        image("a.jpg", problem="is a pipe or a device"),
        image("b.jpg"),
        looks={"b.jpg": Look(problem="is empty")},
        unknown={"v1.0.0": "models/v1.0.0/training_fingerprints.txt: is a folder"},
    )
    pipe, empty, training = found(whole, Kind.UNREADABLE)
    assert (pipe.sentence, empty.sentence) == ("a.jpg is a pipe or a device", "b.jpg is empty")
    assert training.sentence.endswith("models/v1.0.0/training_fingerprints.txt: is a folder")
    assert pipe.mend
    assert empty.mend
    assert training.mend


def test_photos_that_a_version_was_trained_on_must_be_mended(tmp_path: Path) -> None:
    learned = training_fingerprints(written(tmp_path, bits(1, 2), BLANK))
    looks = {"a.jpg": Look(bits(1)), "b.jpg": Look(bits(*range(100, 200)))}
    whole = surveyed(image("a.jpg"), image("b.jpg"), looks=looks, learned={"v1.1.0": learned, "v1.2.0": learned[:0]})
    (finding,) = found(whole, Kind.TRAINED_ON)
    assert (finding.mend, finding.file_names) == (True, ("a.jpg",))
    assert finding.sentence == "v1.1.0 was trained on 1 photo, which show nothing of it: a.jpg"


def test_species_with_too_few_and_photos_of_none_are_good_to_know() -> None:
    images = [image(f"{number}.jpg") for number in range(4)]
    whole = surveyed(*images, image("again.jpg", content="0.jpg"), listed=[TIGER, CROW], unlisted=["lost.jpg"])
    (few,) = found(whole, Kind.FEW)
    (unused,) = found(whole, Kind.UNUSED)
    assert few.sentence.endswith(": Blue Tiger (4), Common Crow (0)")
    assert unused.file_names == ("lost.jpg",)
    assert not few.mend
    assert not unused.mend
    assert found(surveyed(*images, image("other.jpg")), Kind.FEW) == []


def test_the_worst_comes_first() -> None:
    whole = surveyed(
        image("a.jpg"),
        image("b.jpg", content="a.jpg"),
        image("c.jpg"),
        image("d.jpg", problem="is a folder"),
        looks={"c.jpg": Look(BLANK, located=True)},
        unlisted=["lost.jpg"],
    )
    kinds = [finding.kind for finding in whole.findings]
    assert kinds == [Kind.LOCATED, Kind.UNREADABLE, Kind.DUPLICATE, Kind.UNUSED, Kind.FEW]


@pytest.mark.parametrize(("margin", "power", "images"), [(0.02, 0.8, 1277), (0.05, 0.8, 230), (0.05, 0.9, 310)])
def test_how_many_are_needed(margin: float, power: float, images: int) -> None:
    """For two models that differ on 8 of 100 photos, as the page on the verdict has it."""
    whole = surveyed(image("a.jpg"), wanted=Wanted(confidence=0.95, power=power, margin=margin, margin_of_species=None))
    assert whole.needed
    assert whole.needed.images == pytest.approx(images, rel=0.02)
    assert whole.needed_of_species is None
    said = terminal(whole, colour=False)
    assert f"{whole.needed.images - 1:,} more. This reckons with models that differ on 8 of 100 photos" in said
    assert "of a species" not in said


def test_each_species_is_told_how_many_it_lacks() -> None:
    images = [image(f"{number}.jpg") for number in range(30)]
    said = terminal(surveyed(*images, image("crow.jpg", species=CROW)), colour=False)
    assert "About 24 of a species would show that it lost at most 20 points; 1 of 2 species need more:" in said
    assert said.endswith("  Common Crow: 23 more than its 1")
    assert terminal(surveyed(*images), colour=False).endswith("20 points: every species has them.")


def test_names_of_others_move_no_cursor_and_begin_no_line() -> None:
    name = "a\n::error::\x1b[2J.jpg"
    said = terminal(
        surveyed(image(name, problem="is empty"), image("b", species=Species("1", "B\x07\nx"))), colour=False
    )
    assert "\x1b" not in said
    assert "\x07" not in said
    assert not any(line.startswith(("::error", "x")) for line in said.splitlines())


def test_long_lists_are_cut_and_say_so() -> None:
    many = [image(f"{number:02}.jpg", problem="is empty") for number in range(30)]
    said = terminal(surveyed(*many), colour=False)
    assert said.count("is empty") == 20
    assert "\n… and 10 more (--json has all)\n" in said
