"""The result of `replay` as a document, from its JSON shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from seawall.kernel import Outcome
from seawall.report.charts import dot_and_whisker, histogram
from seawall.report.document import (
    Block,
    Cell,
    Column,
    Document,
    Gallery,
    Interval,
    Section,
    Sentence,
    Table,
)
from seawall.report.from_verdict import estimate_of, findings, reasons_section, verdict_of
from seawall.report.words import cell_text, count, number

Shape: TypeAlias = Mapping[str, Any]
_DIRECTIONS = {
    "0_to_1": "0 becomes 1",
    "1_to_0": "1 becomes 0",
    "answer_to_none": "an answer becomes none",
    "none_to_answer": "none becomes an answer",
}
_SHARES = {
    "unanswered": "no score from the candidate",
    "invalid": "input not as declared",
    "fallback_rise": "more answered by fallbacks, or not at all",
}
_QUALITY = (
    "roc_auc", "average_precision", "accuracy", "log_loss", "brier", "value", "mae", "rmse",
)  # fmt: skip
_EACH = ("balanced_accuracy", "macro_f1", "macro_precision", "macro_recall", "bias", "r2")
"""Of each alone: how they differ has no interval of its own."""
_MOST_CLASSES = 12
_SHOWN = 12


def replay_document(result: Shape) -> Document:
    """What would have been decided otherwise, then how scores moved, quality, groups, the run."""
    verdict = verdict_of(result["verdict"])
    sections = [
        reasons_section(verdict, "What speaks against it"),
        Section("Decisions that flip", tuple(_flips(result))),
    ]
    if result["scores"]:
        heading = "Values" if result["task"] == "regression" else "Scores"
        sections.append(Section(heading, tuple(_scores(result["scores"], result["task"]))))
    if result["quality"]:
        sections.append(_quality(result["quality"]))
    if result["groups"] or result["segments"]:
        sections.append(Section("Where they flip", tuple(_where(result))))
    sections.append(Section("What answered", tuple(_answered(result["answers"]))))
    sections.append(Section("How it ran", tuple(_ran(result))))
    return Document("Replay", _sentence(result, verdict), tuple(sections), verdict.outcome)


def _sentence(result: Shape, verdict: Any) -> str:
    flips = result["measures"]["flips"]
    n = result["replayed"]
    turned = round(flips["value"] * n)
    return (
        f"{findings(verdict)} {result['candidate']['name']} would have decided {turned:,} of "
        f"{count(n, 'recorded decision')} of {result['endpoint']} otherwise "
        f"({number(100 * flips['value'])}%)."
    )


def _flips(result: Shape) -> Iterator[Block]:
    measures = result["measures"]
    tolerance = result["tolerances"]["flips"]
    share = estimate_of(measures["flips"])
    outcome = _outcome(result, "flips")
    rows = {"all": (share, outcome)}
    rows |= {_DIRECTIONS[k]: (estimate_of(measures[k]), None) for k in _DIRECTIONS if k in measures}
    title = f"{number(100 * share.value)}% of decisions flip; {number(100 * tolerance)}% may"
    yield dot_and_whisker(rows, title=title, measure="share of decisions", band=(0.0, tolerance))
    told = tuple((said, estimate_of(measures[k])) for k, said in _SHARES.items())
    yield Table((Column("share of decisions"), Column("", align="right")), told)
    if result["apart"] is not None:
        apart = number(result["apart"])
        yield Sentence(f"A value counts as another answer when it lies more than {apart} away.")
    if result["changes"]:
        yield from _changes(result["changes"])


def _changes(changes: Shape) -> Iterator[Block]:
    """The recorded classes down, the new ones across; with many the largest changes alone."""
    names = ["no answer" if name is None else name for name in changes["classes"]]
    counts = changes["counts"]
    moved = sorted(
        ((counts[i][j], names[i], names[j]) for i in range(len(names)) for j in range(len(names))
         if i != j and counts[i][j]),
        reverse=True,
    )  # fmt: skip
    if len(names) > _MOST_CLASSES:
        columns = (Column("recorded"), Column("candidate"), Column("decisions", align="right"))
        yield Table(columns, tuple((a, b, n) for n, a, b in moved[:_SHOWN]))
        if left := len(moved) - _SHOWN:
            yield Sentence(f"{count(max(left, 0), 'more change')} in the JSON.")
        return
    columns = (Column("recorded, then by the candidate"),
               *(Column(name, align="right") for name in names))  # fmt: skip
    yield Table(columns, tuple((name, *row) for name, row in zip(names, counts, strict=True)))


def _outcome(result: Shape, measure: str) -> Outcome | None:
    for reason in result["verdict"]["reasons"]:
        if f": {measure} " in reason["rule"]:
            return Outcome(reason["outcome"])
    return None


def _scores(scores: Shape, task: str) -> Iterator[Block]:
    word = "value" if task == "regression" else "score"
    mean, largest = estimate_of(scores["mean_difference"]), scores["largest"]
    apart = largest["candidate"] - largest["recorded"]
    if scores["equal"] == scores["n"]:
        yield Sentence(f"All {count(scores['n'], word)} are equal to the last bit.")
        return
    yield Sentence(
        f"{scores['equal']:,} of {scores['n']:,} {word}s are equal to the last bit. "
        f"The candidate's less the recorded is {cell_text(mean)} on average; "
        + ", ".join(
            f"{float(q):.0%} differ by {number(v)} or less" for q, v in scores["quantiles"].items()
        )
        + f". The largest difference is {number(apart)}, from {number(largest['recorded'])} to "
        f"{number(largest['candidate'])}, of decision {largest['decision_id']}."
    )
    shape = scores["distribution"]
    of = "called classes" if task == "multiclass" else f"{word}s"
    measures = {k: v for k, v in shape["measures"].items() if k in _NAMES}
    yield Table(
        (Column(f"distribution of {of}"), Column("moved by", align="right")),
        tuple((_NAMES.get(k, k.replace("_", " ")), estimate_of(v)) for k, v in measures.items()),
    )
    apart_ = scores["histogram"]
    charts = [
        histogram(
            apart_["edges"], apart_["counts"],
            title=f"{word.capitalize()} of the candidate less the recorded",
            variable="difference",
        )
    ]  # fmt: skip
    if "histogram" in shape and task != "multiclass":
        both = shape["histogram"]
        charts.insert(
            0,
            histogram(
                both["edges"], both["current"], title=f"{word.capitalize()}s, the recorded behind",
                variable=word, baseline=both["reference"],
                outcome=verdict_of(shape["verdict"]).outcome,
            ),
        )  # fmt: skip
    yield Gallery(tuple(charts), "Outline: the candidate. Filled: what was recorded.")


_NAMES = {
    "ks": "KS distance",
    "total_variation": "total variation",
    "psi": "PSI",
    "js": "JS divergence",
    "wasserstein": "Wasserstein distance",
}


def _quality(quality: Shape) -> Section:
    columns = (
        Column("measure"), Column("candidate", align="right"), Column("recorded", align="right"),
        Column("difference", align="right"), Column("better"),
    )  # fmt: skip
    words = {"model": "the candidate", "other": "the recorded", "undecided": "not yet told"}
    measures = quality["measures"]
    rows: list[tuple[Cell, ...]] = [
        (name.replace("_", " "), measures[name]["model"], measures[name]["other"],
         estimate_of(measures[name]["difference"]), words[measures[name]["better"]])
        for name in _QUALITY
        if name in measures
    ]  # fmt: skip
    if each := quality.get("each"):
        both = each["candidate"]["measures"], each["recorded"]["measures"]
        rows += [
            (name.replace("_", " "), *(estimate_of(found[name]) for found in both), None, None)
            for name in _EACH
            if name in both[0]
        ]
    scored = f", {quality['scored']:,} of them two scores" if "scored" in quality else ""
    about = (
        f"Of {count(quality['labelled'], 'decision')} with an outcome {quality['n']:,} have two "
        f"answers{scored}."
        + (f" {count(quality['unfit'], 'outcome')} fit no answer." if quality["unfit"] else "")
    )
    return Section("Quality on the same rows", (Table(columns, tuple(rows)), Sentence(about)))


def _where(result: Shape) -> Iterator[Block]:
    flips = result["measures"]["flips"]["value"]
    if result["groups"]:
        shown = result["groups"][: 2 * _SHOWN]
        rows = {_name(g["by"]): (estimate_of(g["flips"]), None) for g in shown}
        most = max(shown, key=lambda g: g["flips"]["value"])
        title = f"{_name(most['by'])} flips most: {number(100 * most['flips']['value'])}%"
        if most["flips"]["low"] <= flips:
            title = f"No group is shown to flip more than all: {number(100 * flips)}%"
        yield dot_and_whisker(rows, title=title, measure="share that flips", reference=flips)
        if left := len(result["groups"]) - len(shown):
            yield Sentence(f"{count(left, 'more group')} in the JSON.")
    segments = result["segments"]
    if not segments:
        yield Sentence("Too few decisions flip to search the inputs for where they do.")
        return
    among = f"{segments['searched']['slices']:,} slices of the inputs"
    if not segments["segments"]:
        yield Sentence(f"No slice stands out among {among}.")
        return
    rows_ = {
        " and ".join(f"{k} {v}" for k, v in one["by"].items()): Interval(
            "", estimate_of(one["excess"])
        ).estimate
        for one in segments["segments"][:_SHOWN]
    }
    worst = next(iter(rows_))
    yield dot_and_whisker(
        {name: (excess, None) for name, excess in rows_.items()},
        title=f"{worst} flips more than elsewhere, the surest among {among}",
        measure="share that flips, above that elsewhere",
        reference=0.0,
    )


def _name(by: Shape) -> str:
    return " and ".join(f"{k} {v}" for k, v in by.items())


def _answered(answers: Shape) -> Iterator[Block]:
    columns = (
        Column("what"), Column("candidate", align="right"), Column("recorded", align="right"),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for kind, word in (("guards", "guard"), ("fallbacks", "fallback")):
        then = answers["recorded"][kind]
        for name in sorted({*answers[kind], *then}):
            rows.append((f"{word} {name}", answers[kind].get(name, 0), then.get(name, 0)))
    if rows:
        yield Table(columns, tuple(rows))
    told = ", ".join(f"{name} {n:,}" for name, n in sorted(answers["verdicts"].items()))
    yield Sentence(f"Verdicts on the candidate's answers: {told}. Records do not keep theirs.")
    if wrong := ", ".join(f"{name} {n:,}" for name, n in sorted(answers["invalid"].items())):
        yield Sentence(f"Fields not valid for the candidate, by rows: {wrong}.")


def _ran(result: Shape) -> Iterator[Block]:
    window, sandbox = result["window"], result["sandbox"]
    n, spent = result["replayed"], result["seconds"]
    yield Sentence(
        f"{n:,} of {count(window['decisions'], 'decision')} in the window were asked again in "
        f"{number(spent)} s, under bundle {result['bundle']} with the candidate as champion, in a "
        f"process of its own ({sandbox['isolation']})."
    )
    if window["kept"] < 1:
        yield Sentence(
            f"Decisions were kept at different rates: of all as many are taken as were kept at the "
            f"lowest, {number(window['kept'])}."
        )
    if result["not_replayed"]:
        told = "; ".join(f"{n:,}: {why}" for why, n in result["not_replayed"].items())
        yield Sentence(f"Not asked again: {told}.")
    if sandbox["failures"]:
        told = "; ".join(f"{n:,} rows: {why}" for why, n in sandbox["failures"].items())
        gone = " It was given up." if sandbox["given_up"] else ""
        yield Sentence(
            f"The candidate failed ({told}), and was started {sandbox['starts']} times.{gone}"
        )
    latency = result["latency"]
    columns = (Column("one row at a time", unit="ms"), *(
        Column(who, align="right") for who in latency
    ))  # fmt: skip
    rows = tuple(
        (said, *(cell_text(estimate_of(times[key])) for times in latency.values()))
        for key, said in (("p50_ms", "median"), ("p95_ms", "95th percentile"))
    )
    yield Table(columns, rows)
