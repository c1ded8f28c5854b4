from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from seawall.kernel import Conflict, Forbidden, from_json, to_json
from seawall.review.queue import ReviewQueue, admit, new_task, ordered, review_measures
from seawall.review.task import ReviewTask, abandoned, answer, claim, lapse, release

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
QUEUE = ReviewQueue(endpoint="loans", capacity=2, within=3600)


def task(name="t1", now=NOW) -> ReviewTask:
    return new_task(
        QUEUE, id=name, decision=f"d-{name}", reason="borderline", proposed="deny", now=now
    )


def test_a_task_is_due_after_the_time_of_its_queue():
    assert task().due == NOW + HOUR
    assert from_json(to_json(task()), ReviewTask) == task()


def test_a_claimed_task_is_answered_by_its_reviewer_alone():
    held = claim(task(), "ann", NOW)
    with pytest.raises(Conflict, match="claimed by ann"):
        claim(held, "bob", NOW)
    with pytest.raises(Forbidden, match="hands of ann"):
        answer(held, "bob", "grant", NOW)
    done = answer(held, "ann", "grant", NOW + HOUR / 2)
    assert (done.state, done.overturned) == ("answered", True)
    with pytest.raises(Conflict, match="answered"):
        answer(done, "ann", "deny", NOW)


def test_claiming_twice_by_one_reviewer_changes_nothing():
    held = claim(task(), "ann", NOW)
    assert claim(held, "ann", NOW + HOUR) is held


def test_a_released_task_can_be_claimed_by_another():
    assert claim(release(claim(task(), "ann", NOW), "ann"), "bob", NOW).claimed_by == "bob"


def test_an_unclaimed_task_cannot_be_answered_and_an_answer_says_something():
    with pytest.raises(Conflict, match="is open"):
        answer(task(), "ann", "deny", NOW)
    with pytest.raises(Conflict, match="needs a decision"):
        answer(claim(task(), "ann", NOW), "ann", " ", NOW)


def test_a_task_lapses_at_its_date_unless_answered():
    assert lapse(task(), NOW).state == "open"
    assert lapse(task(), NOW + HOUR).state == "lapsed"
    done = answer(claim(task(), "ann", NOW), "ann", "deny", NOW)
    assert lapse(done, NOW + 2 * HOUR) is done
    assert not done.overturned


def test_a_task_held_too_long_is_abandoned():
    held = claim(task(), "ann", NOW)
    assert not abandoned(held, NOW + HOUR / 4, HOUR / 2)
    assert abandoned(held, NOW + HOUR / 2, HOUR / 2)
    assert not abandoned(task(), NOW + HOUR, HOUR / 2)


def test_a_full_queue_falls_back_or_lets_the_task_due_first_lapse():
    full = [task("b", NOW + HOUR), task("a", NOW)]
    assert admit(QUEUE, full[:1]).taken
    assert not admit(QUEUE, full).taken
    dropping = msgspec.structs.replace(QUEUE, on_overflow="drop_oldest")
    admission = admit(dropping, full)
    assert admission.taken
    assert admission.lapsed is not None
    assert (admission.lapsed.id, admission.lapsed.state) == ("a", "lapsed")


def test_the_queue_serves_the_task_due_first():
    late, early = task("z", NOW), task("a", NOW + HOUR)
    done = answer(claim(task("x"), "ann", NOW), "ann", "deny", NOW)
    assert [t.id for t in ordered([early, late, done])] == ["z", "a"]


def test_review_measures_count_reviewed_overturned_and_time_to_answer():

    grant = answer(claim(task("a"), "ann", NOW), "ann", "grant", NOW + HOUR)
    deny = answer(claim(task("b"), "ann", NOW), "ann", "deny", NOW + 2 * HOUR)
    measures = review_measures([grant, deny, task("c"), lapse(task("d"), NOW + HOUR)], 100)
    assert (measures.waiting, measures.lapsed) == (1, 1)
    assert measures.review_rate is not None
    assert measures.overturn_rate is not None
    assert (measures.review_rate.value, measures.overturn_rate.value) == (0.04, 0.5)
    assert measures.median_latency == HOUR
    empty = review_measures([], 0)
    assert (empty.review_rate, empty.overturn_rate, empty.median_latency) == (None, None, None)
