"""Reporting delays: how much of a log is still to come.

Rows are seen only once their delay has passed, so the delays seen are truncated from the right. The distribution is
estimated in reverse time, P(D <= x_k) = prod over j > k of (1 - g_j) with the reverse hazard g_j = P(D in class j |
D <= x_j) estimated from the cells old enough to have seen all of class j (Kalbfleisch & Lawless 1991, Statistica
Sinica 1: 19-32, section 2; the chain ladder of insurance). Delays longer than any that could be seen are taken as
impossible.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from abspark.stats.moments import Floats


class Delays(NamedTuple):
    """Estimated P(D <= end of class k), shape (k,), and the rows that are still to come."""

    distribution: Floats
    to_come: float


def reporting_delays(counts: Floats, ages: Floats, ends: Floats) -> Delays:
    """Delays from rows seen by cell of event time and class of delay, shape (c, k).

    `ages` (c,) are the least ages of a cell's rows at the latest arrival, `ends` (k,) the classes' exclusive upper
    ends, ascending, the last infinite: it is taken as seen in cells older than the end before it. Cells that have not
    seen the first class whole say nothing of what is to come.
    """
    cells = np.asarray(counts, dtype=np.float64)
    needed = np.append(ends[:-1], ends[-2] if len(ends) > 1 else 0.0)
    seen = np.asarray(ages)[:, None] >= needed[None, :]
    upto = cells.cumsum(axis=1)
    total = (upto * seen).sum(axis=0)
    inside = (cells * seen).sum(axis=0)
    hazard = np.divide(inside, total, out=np.zeros_like(total), where=total > 0)
    survival = np.append(np.cumprod((1 - hazard)[:0:-1])[::-1], 1.0)
    last = seen.sum(axis=1) - 1
    known = last >= 0
    share = survival[last[known]]
    reported = upto[np.flatnonzero(known), last[known]]
    expected = np.divide(reported, share, out=reported.copy(), where=share > 0)
    missing = np.maximum(expected - cells[known].sum(axis=1), 0.0)
    return Delays(survival, float(missing.sum()))
