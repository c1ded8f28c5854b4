"""Frames: what was written is read; what was cut or has rotted is told apart."""

from hypothesis import given
from hypothesis import strategies as st

from seawall.adapters.decisions.frame import HEADER_BYTES, MAGIC, Damage, Scan, frame, scan

payloads = st.lists(st.binary(max_size=40) | st.just(MAGIC * 3), min_size=1, max_size=6)


def read(found: Scan) -> list[bytes]:
    return [bytes(p) for p in found.payloads.values()]


@given(payloads)
def test_what_was_framed_is_read(given_):
    data = b"".join(map(frame, given_))
    found = scan(data)
    assert read(found) == given_
    assert found.damage == ()
    assert found.end == len(data)


@given(payloads, st.data())
def test_a_file_cut_anywhere_keeps_every_whole_frame_and_has_no_damage(given_, data):
    whole = b"".join(map(frame, given_))
    cut = data.draw(st.integers(0, len(whole)))
    ends = [0]
    for payload in given_:
        ends.append(ends[-1] + HEADER_BYTES + len(payload))
    kept = max(i for i, end in enumerate(ends) if end <= cut)
    found = scan(whole[:cut])
    assert read(found) == given_[:kept]
    assert found.damage == ()
    assert found.end == ends[kept]


@given(payloads, st.data())
def test_a_flipped_bit_damages_one_frame_and_no_other(given_, data):
    whole = bytearray(b"".join(map(frame, given_)))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    start, hit = 0, 0
    while start + HEADER_BYTES + len(given_[hit]) <= at:
        start += HEADER_BYTES + len(given_[hit])
        hit += 1
    found = scan(bytes(whole))
    assert read(found) == given_[:hit] + given_[hit + 1 :]
    assert found.damage == (Damage(start, start + HEADER_BYTES + len(given_[hit])),)


def test_zeros_that_a_power_cut_left_at_the_end_are_a_torn_frame():
    data = frame(b"one") + bytes(4096)
    assert scan(data) == Scan(scan(frame(b"one")).payloads, (), len(frame(b"one")))


def test_zeros_between_frames_are_damage():
    data = frame(b"one") + bytes(100) + frame(b"two")
    found = scan(data)
    assert read(found) == [b"one", b"two"]
    assert found.damage == (Damage(len(frame(b"one")), len(frame(b"one")) + 100),)
