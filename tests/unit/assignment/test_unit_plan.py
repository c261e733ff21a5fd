"""Segments: partitions, overlaps and gaps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from abspark.assignment.plan import IN, Segment, count_below, first_match, outside, partition


@given(st.integers(0, 1 << 60), st.integers(0, 1 << 60))
def test_count_below_finds_the_step(size: int, step: int) -> None:
    assert count_below(size, lambda number: number < step) == min(size, step)


def test_partition_leaves_out_none_and_empty_shares() -> None:
    bounds = [("a", 3), ("b", 3), (None, 5), ("c", 99)]
    got = partition(8, bounds, lambda number, bound: number < bound, offset=1)
    assert got == (Segment(1, 4, "a"), Segment(6, 9, "c"))


ranges = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.sampled_from("abc")), max_size=6)


@given(ranges)
def test_first_match_gives_each_bucket_to_the_first_range_that_holds_it(
    drawn: list[tuple[int, int, str]],
) -> None:
    given_ranges = [Segment(*one) for one in drawn]
    segments = first_match(given_ranges)
    for bucket in range(31):
        first = next((r.outcome for r in given_ranges if r.start <= bucket < r.end), None)
        found = [s.outcome for s in segments if s.start <= bucket < s.end]
        assert found == ([] if first is None else [first])


@given(ranges)
def test_outside_is_the_complement(drawn: list[tuple[int, int, str]]) -> None:
    segments = first_match(Segment(*one) for one in drawn)
    free = outside(segments, 2, 25)
    for bucket in range(31):
        inside = any(s.start <= bucket < s.end for s in segments)
        assert [s.outcome for s in free if s.start <= bucket < s.end] == [IN] * (
            2 <= bucket < 25 and not inside
        )
