"""The yardstick in hand-written SQL: three formulations of the same moments in DuckDB, run in a fresh process each.

    python -m tests.perf.duck RAW FORMULATION EXPERIMENTS

prints {wall_s, cpu_s, peak_gib, rows}. Semantics are abspark's: earliest row of each event id, units in one variant
only, windows `[0 d, 7 d)` from the first exposure. Settings: two threads, at most 14 GB, UTC, no order kept.

once     events joined with units and summed per unit in one statement
keyed    the same over 64-bit keys and small codes instead of text, both logs aggregated from materialised tables
daily    events summed per unit and day first; only the two days at a window's edges are joined row by row
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Final

import duckdb

SUMS: Final = """
  coalesce(sum(amount) filter (kind = 0), 0) as revenue, count(*) filter (kind = 0) as purchases,
  count(*) filter (kind = 1) as page_views, count(*) filter (kind = 2) as clicks,
  count(*) filter (kind = 3) as sessions
"""
KIND: Final = """
  case event_type when 'purchase' then 0 when 'page_view' then 1 when 'click' then 2 when 'session' then 3 else 4 end
"""
MOMENTS: Final = """
select experiment_id, variant, count(*) as n,
  avg((purchases > 0)::int) as conversion, avg(purchases), var_samp(purchases), avg(revenue), var_samp(revenue),
  avg(page_views), var_samp(page_views), avg(sessions), var_samp(sessions),
  avg(clicks), var_samp(clicks), covar_samp(clicks, page_views)
from per_unit group by all order by all
"""
ONCE: Final = f"""
create table moments as with firsts as (
  select experiment_id, user_id, min(variant) as variant, max(variant) as other, min(ts) as t0
  from '{{raw}}/exposures/*.parquet' where not is_bot and user_id <> '' and ts >= '{{start}}' and ts < '{{end}}'
  group by all
), units as (select * from firsts where variant = other),
events as (
  select user_id, ts, {KIND} as kind, amount from '{{raw}}/events/*.parquet'
  where user_id <> '' and ts < '{{horizon}}'
  qualify row_number() over (partition by user_id, event_id order by ts, amount) = 1
), per_unit as (
  select u.experiment_id, u.variant, u.user_id, {SUMS}
  from units u left join events e on e.user_id = u.user_id and e.ts >= u.t0 and e.ts < u.t0 + interval 7 day
  group by all
) {MOMENTS}
"""
KEYED: Final = f"""
create temp table events as
  select k, min_by(struct_pack(t, kind, amount), t) as e from (
    select hash(user_id) as k, hash(event_id) as i, epoch_us(ts) as t, ({KIND})::utinyint as kind, amount
    from '{{raw}}/events/*.parquet' where user_id <> '' and ts >= '{{start}}' and ts < '{{horizon}}'
  ) group by k, i;
create temp table units as
  select x, k, v, t0 from (
    select x, k, min(v) as v, max(v) as w, min(t) as t0 from (
      select (regexp_extract(experiment_id, '[0-9]+'))::smallint as x, hash(user_id) as k,
        (variant <> 'control')::utinyint as v, epoch_us(ts) as t
      from '{{raw}}/exposures/*.parquet' where not is_bot and user_id <> '' and ts >= '{{start}}' and ts < '{{end}}'
    ) group by x, k
  ) where v = w;
create table moments as with per_unit as (
  select 'exp_' || u.x as experiment_id, if(u.v = 0, 'control', 'treatment') as variant, u.k,
    coalesce(sum(e.amount) filter (e.kind = 0), 0) as revenue, count(*) filter (e.kind = 0) as purchases,
    count(*) filter (e.kind = 1) as page_views, count(*) filter (e.kind = 2) as clicks,
    count(*) filter (e.kind = 3) as sessions
  from units u left join events on events.k = u.k and e.t >= u.t0 and e.t < u.t0 + 604800000000
  group by u.x, u.v, u.k
) {MOMENTS}
"""
DAILY: Final = f"""
create temp table events as
  select user_id, ts, {KIND} as kind, amount from '{{raw}}/events/*.parquet'
  where user_id <> '' and ts >= '{{start}}' and ts < '{{horizon}}'
  qualify row_number() over (partition by user_id, event_id order by ts, amount) = 1;
create temp table days as
  select user_id, ts::date as day, {SUMS} from events group by all;
create temp table units as
  select * exclude other from (
    select experiment_id, user_id, min(variant) as variant, max(variant) as other, min(ts) as t0
    from '{{raw}}/exposures/*.parquet' where not is_bot and user_id <> '' and ts >= '{{start}}' and ts < '{{end}}'
    group by all
  ) where variant = other;
create table moments as with parts as (
  select u.experiment_id, u.variant, u.user_id, d.revenue, d.purchases, d.page_views, d.clicks, d.sessions
  from units u join days d on d.user_id = u.user_id and d.day > u.t0::date and d.day < u.t0::date + 7
  union all by name
  select u.experiment_id, u.variant, u.user_id, {SUMS}
  from units u join events e on e.user_id = u.user_id and e.ts::date = u.t0::date and e.ts >= u.t0
  group by all
  union all by name
  select u.experiment_id, u.variant, u.user_id, {SUMS}
  from units u join events e
    on e.user_id = u.user_id and e.ts::date = u.t0::date + 7 and e.ts < u.t0 + interval 7 day
  group by all
  union all by name
  select experiment_id, variant, user_id, 0 as revenue, 0 as purchases, 0 as page_views, 0 as clicks, 0 as sessions
  from units
), per_unit as (
  select experiment_id, variant, user_id, sum(revenue) as revenue, sum(purchases) as purchases,
    sum(page_views) as page_views, sum(clicks) as clicks, sum(sessions) as sessions
  from parts group by all
) {MOMENTS}
"""
FORMULATIONS: Final = {"once": ONCE, "keyed": KEYED, "daily": DAILY}


def main() -> None:
    """Run one formulation and print its cost and its rows."""
    raw, name, start, end, horizon = sys.argv[1:6]
    began = time.monotonic()
    connection = duckdb.connect()
    spill = Path(raw).parent / "duckdb-spill"
    connection.execute(
        "set threads = 2; set memory_limit = '14GB'; set timezone = 'UTC'; set preserve_insertion_order = false; "
        f"set temp_directory = '{spill}'"
    )
    sql = FORMULATIONS[name].format(raw=raw, start=start, end=end, horizon=horizon)
    for statement in sql.split(";"):
        connection.execute(statement)
    rows = connection.execute("from moments").fetchall()
    wall = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    cost = {
        "wall_s": wall,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_gib": used.ru_maxrss / 2**20,
        "rows": rows,
    }
    sys.stdout.write(json.dumps(cost) + "\n")


if __name__ == "__main__":
    main()
