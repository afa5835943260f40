"""The page's questions, in its order: what each measures, and what was promised of it."""

from __future__ import annotations

from itertools import product

from calibration import beside, many, single
from calibration.models import ACCURACY, USUAL
from calibration.tables import Chart, Section
from calibration.whole import whole

_STREAMS = ((0.2, False), (0.5, False), (1.0, False), (0.5, True))

SECTIONS = (
    Section(
        title="What everybody does",
        text="“The new accuracy is higher: ship it” ships a model that is truly 2 points worse once in four times on "
        "40 photos, once in eight on 300, and holds more than every second model that is as good as the old "
        f"one. Here the two models differ on {single.WIDER * 100:g} % of all photos: one is right, the other "
        "wrong.",
        header=("photos", "2 points worse, shipped", "as good, held"),
        measure=single.old_rule,
        parts=((40, 0.25), (300, 0.12)),
    ),
    Section(
        title="Worse by exactly the margin",
        text="The hardest case. Such a candidate may be promoted in at most 5 % of cases (`confidence: 0.95`), "
        "however many photos there are, and however often the two models differ: the columns are the share of "
        "all photos on which they do. The last column is not simulated: it is summed over all outcomes, the "
        "worst of 200 shares from the margin up to 30 %.",
        header=("margin", "photos", *(f"{one * 100:g} %" for one in single.DISCORDANCES), "worst, summed"),
        measure=single.wrong_promotions,
        parts=tuple(product(("0.02", "0.05"), (20, 40, 100, 149, 300, 1000, 3000))),
        chart=Chart(
            file="wrong-promotions.svg",
            title="Worse by exactly the margin: how often promoted, at worst",
            across="photos",
            upward="promoted, %",
            marks=(("at most", 5.0),),
            logarithmic=True,
        ),
    ),
    Section(
        title="How good must a candidate be?",
        text="Promotions by how many points better (or, below 0, worse) the candidate truly is. Margin 2 points; the "
        f"models differ on {USUAL * 100:g} % of all photos. At -2 and below: at most 5 %.",
        header=("photos", *(f"{one:+}" if one else "0" for one in single.DIFFERENCES)),
        measure=single.power,
        parts=((40,), (100,), (300,), (1000,), (3000,)),
        chart=Chart(
            file="power.svg",
            title="Promoted with a margin of 2 points, by what the candidate truly is",
            across="points better than the baseline",
            upward="promoted, %",
            marks=(("5 %", 5.0),),
        ),
    ),
    Section(
        title="As good as the baseline, on few photos",
        text=f"How often the photos cannot tell, which is no fault of the model. The two differ on {USUAL * 100:g} % "
        "of all photos. Promised of 40 and of 200 photos: undecided in 88 and 76 % at a margin of 2 points, in "
        "77 and 24 % at one of 5, each within 2 points.",
        header=("margin", "photos", "promoted", "undecided", "held"),
        measure=single.undecided,
        parts=(
            ("0.02", 40, 0.88),
            *(("0.02", size, None) for size in (60, 100, 150)),
            ("0.02", 200, 0.76),
            ("0.05", 40, 0.77),
            *(("0.05", size, None) for size in (60, 100, 150)),
            ("0.05", 200, 0.24),
        ),
    ),
    Section(
        title="Why no margin of 10 points is ever the default",
        text="So often it lets a model pass that is 5 points worse. Promised: from 16 % on 40 photos to 66 % on 200, "
        f"within 2 points. The two differ on {single.WIDER * 100:g} % of all photos.",
        header=("photos", "5 points worse, promoted"),
        measure=single.wide,
        parts=((40, 0.16), (200, 0.66)),
    ),
    Section(
        title="Are the photos enough that the report asks for?",
        text="The report says how many photos show it in 8 of 10 cases, for two models that differ on so many of "
        "them and a candidate that is truly so many points better. Promised: 80 %, within 2 points.",
        header=("margin", "differ on", "better", "photos asked for", "promoted"),
        measure=single.enough,
        parts=(
            *(("0.02", 0.04, 0.0), ("0.02", 0.08, 0.0), ("0.05", 0.08, 0.0), ("0.05", 0.20, 0.0)),
            *(("0.02", 0.08, 0.01), ("0.05", 0.08, 0.01)),
        ),
    ),
    Section(
        title="Many tries on the same photos",
        text="All candidates are worse than the one baseline by exactly the margin. How often one of the first so "
        "many gets in: promised are at most 8.2 % by default, and 5 % with `strict_tries: true`, however many "
        "there are. Were tries not counted, one of twenty would get in every second time.",
        header=("margin", "photos", "tries", "the first", "of 20", f"of {many.TRIES}"),
        measure=many.tries,
        parts=(("0.02", 300), ("0.05", 100), ("0.05", 300)),
    ),
    Section(
        title="Promotions between the tries",
        text=f"{many.TRIES} tries on 300 photos; each promotion makes a new baseline, and the next try is its first. "
        "Bad candidates are worse than the baseline of the day by exactly the margin, the others are as good as "
        "it. Promised: of all baselines, at most 8.2 % (strict: 5 %) get a bad successor. Which share of the "
        "promotions is bad depends on who comes: where all candidates are bad, so are all promotions, however "
        "rare. It is shown, not promised.",
        header=("margin", "bad, %", "tries", "promotions a run", "baselines with a bad successor", "bad promotions"),
        measure=many.between,
        parts=tuple((margin, bad, strict) for margin in ("0.02", "0.05") for bad, strict in _STREAMS),
    ),
    Section(
        title="Small steps down",
        text=f"{many.STEPS} candidates, each truly a step worse than the version that is active when it comes, on "
        "1,000 photos, with a margin of 2 points. The first version is the reference. Promised: with "
        "`reference`, steps of 0.9 points lose more than 2 points in at most 5 % of runs. Other steps are "
        "shown, not promised: where a few of them add up to just over 2 points, that happens more often.",
        header=(
            "differ on",
            "step",
            "tries",
            "lost on average",
            "95 % of runs lose at most",
            "more than 2 points lost",
        ),
        measure=many.creep,
        parts=(
            *((0.02, 0.009, 0.05, True), (0.04, 0.009, 0.05, False)),
            *((0.02, 0.0068, 1.0, False), (0.04, 0.005, 1.0, False)),
        ),
        chart=Chart(
            file="creep.svg",
            title="Points lost in steps of 0.9 that differ on 2 %: 95 % of runs lose at most",
            across="candidates",
            upward="points",
            marks=(("margin", 2.0),),
        ),
    ),
    Section(
        title="Equally good models, and the gates beside the margin",
        text="How often a candidate that is as good on each species is held because one looks lost, or because too "
        "many photos are newly wrong. Promised: at most 5 % by each gate, and by both together as long as fewer "
        "photos are truly newly wrong than the 5 % allowed (of models that differ on 10 %, 5 % are). Species "
        "are all as hard, or how often the models differ on them varies by half its average; where it varies by "
        "all of it, nothing is promised. Last column: how often a plain limit on each species' drop would hold "
        "the candidate.",
        header=("species of photos", "differ on", "varies by", "species lost", "newly wrong", "either", "plain limit"),
        measure=beside.equal,
        parts=tuple(
            (layout, discordance, varies)
            for layout in beside.LAYOUTS
            for discordance, varies in ((0.04, 0.0), (0.08, 0.0), (0.10, 0.0), (0.08, 0.5), (0.08, 1.0))
        ),
    ),
    Section(
        title="A species that is truly lost",
        text="So many of its photos are newly wrong; on all other species the candidate is as good as the baseline, "
        f"and differs on {USUAL * 100:g} % of their photos. How often that holds it. Promised: 33 to 57 % with 6 "
        "photos, 86 % and more with 10 to 20, within 2 points.",
        header=("species of photos", "newly wrong", "held"),
        measure=beside.lost_species,
        parts=(
            *((50, 6, 0.5, 0.31), (50, 6, 0.6, 0.31), (50, 10, 0.6, 0.84), (50, 20, 0.6, 0.84)),
            *((100, 10, 0.6, 0.0), (12, 25, 0.6, 0.0)),
        ),
    ),
    Section(
        title="The whole verdict",
        text=f"Every gate at its default, the margin at 5 points; models that are right on {ACCURACY * 100:g} % and "
        f"differ on {USUAL * 100:g} % of all photos, judged run by run. Promised: at most 5 % promoted that are "
        "5 points worse, and at most 5 % held that are as good or better.",
        header=("species of photos", "points better", "promoted", "undecided", "held"),
        measure=whole,
        parts=tuple(product((12,), (8, 25), (-0.05, 0.0, 0.02))),
    ),
)
