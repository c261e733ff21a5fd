"""The usual tool's way on the same Spark: a query for each metric and experiment, over the raw logs each time.

    python -m tests.perf.naive RAW START END HORIZON EXPERIMENT ENOUGH

prints {wall_s, cpu_s, done, queries}: of the experiment's six queries, with the semantics of the yardstick, as many are
done as take ENOUGH processor seconds.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Final

from abspark.command_common import local_session
from tests.perf.timed_run import cpu_seconds

METRICS: Final = {
    "conversion": "max(if(event_type = 'purchase', 1, 0))",
    "purchases": "count_if(event_type = 'purchase')",
    "revenue": "sum(if(event_type = 'purchase', amount, 0))",
    "page_views": "count_if(event_type = 'page_view')",
    "sessions": "count_if(event_type = 'session')",
    "click_rate": "count_if(event_type = 'click')",
}
QUERY: Final = """
with firsts as (
  select user_id, min(variant) as variant, max(variant) as other, min(ts) as t0 from parquet.`{raw}/exposures`
  where experiment_id = '{experiment}' and not is_bot and user_id <> '' and ts >= '{start}' and ts < '{end}'
  group by user_id
), units as (select user_id, variant, t0 from firsts where variant = other),
ids as (
  select user_id, event_type, amount, ts,
    row_number() over (partition by user_id, event_id order by ts, amount) as copy
  from parquet.`{raw}/events` where user_id <> '' and ts < '{horizon}'
), per_unit as (
  select u.user_id, u.variant, coalesce({value}, 0) as num,
    count_if(event_type = 'page_view') as den
  from units u left join ids e
    on e.user_id = u.user_id and e.copy = 1 and e.ts >= u.t0 and e.ts < u.t0 + interval 7 days
  group by u.user_id, u.variant
)
select variant, count(*) as n, avg(num), var_samp(num), avg(den), var_samp(den), covar_samp(num, den)
from per_unit group by variant order by variant
"""


def main() -> None:
    """Run the queries in one session and print their cost."""
    raw, start, end, horizon, experiment, enough = sys.argv[1:]
    given = {"raw": raw, "start": start, "end": end, "horizon": horizon, "experiment": experiment}
    done = 0
    with local_session() as spark:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        before, began = cpu_seconds(), time.monotonic()
        while done < len(METRICS) and cpu_seconds() - before < float(enough):
            spark.sql(QUERY.format(value=list(METRICS.values())[done], **given)).collect()
            done += 1
        cost = {"wall_s": time.monotonic() - began, "cpu_s": cpu_seconds() - before}
    sys.stdout.write(json.dumps(cost | {"done": done, "queries": len(METRICS)}) + "\n")


if __name__ == "__main__":
    main()
