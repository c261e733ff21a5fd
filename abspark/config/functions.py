"""Which Spark SQL functions an expression may call.

Allowed are scalar functions whose result depends on their arguments alone, and that give NULL where a row's arguments
are of no use: `safe_sql` rewrites those that would raise, and `arguments` tells what has to be written out.
"""

from __future__ import annotations

from typing import Final

_MATHS: Final = """
    abs acos acosh asin asinh atan atan2 atanh bin bit_count bround cbrt ceil ceiling conv cos cosh cot
    csc degrees e exp expm1 factorial floor hex hypot ln log log10 log1p log2 mod nanvl negative pi
    pmod positive pow power radians rint round sec shiftleft shiftright shiftrightunsigned sign signum sin
    sinh sqrt tan tanh try_add try_divide try_mod try_multiply try_subtract unhex width_bucket
"""
_TEXT: Final = """
    ascii base64 bit_length btrim char char_length character_length chr concat concat_ws crc32 elt
    find_in_set get_json_object hash initcap instr json_array_length lcase left len length
    levenshtein locate lower lpad ltrim mask md5 octet_length overlay parse_url position
    regexp_count regexp_extract regexp_extract_all regexp_instr regexp_replace regexp_substr repeat
    replace reverse right rpad rtrim sha sha1 sha2 soundex space split split_part str_to_map substr
    substring substring_index to_char to_number to_varchar translate trim try_parse_url try_to_number
    try_url_decode ucase unbase64 upper url_decode url_encode xxhash64
"""
_TO_TIME: Final = """
    add_months convert_timezone date_add date_from_unix_date date_sub date_trunc dateadd from_utc_timestamp
    last_day make_date make_timestamp make_timestamp_ntz next_day timestamp_micros timestamp_millis
    timestamp_seconds to_date to_timestamp to_timestamp_ntz to_utc_timestamp trunc try_to_date
    try_to_timestamp
"""
_OF_TIME: Final = """
    date_diff date_format date_part datediff datepart day dayname dayofmonth dayofweek dayofyear extract
    from_unixtime hour minute month monthname months_between quarter second to_unix_timestamp unix_date
    unix_micros unix_millis unix_seconds weekday weekofyear year
"""
_TO_COLLECTION: Final = """
    array array_append array_compact array_distinct array_except array_intersect array_prepend array_remove
    array_repeat array_union flatten map map_concat map_entries map_keys map_values
    slice sort_array
"""
_OF_COLLECTION: Final = "array_join array_max array_min array_position array_size cardinality size"
_CASTS: Final = "bigint binary cast date decimal double float int smallint string timestamp tinyint try_cast"
_BOOLEAN: Final = """
    array_contains arrays_overlap boolean contains endswith equal_null ilike isnan isnotnull isnull like luhn_check
    map_contains_key regexp regexp_like rlike startswith
"""
_ANY_TYPE: Final = """
    case coalesce decode element_at get greatest if ifnull least nullif nvl nvl2 try_element_at
"""
_OPERATORS: Final = "and or in is like ilike rlike regexp between div escape from for placing"
_OTHER_WORDS: Final = "not when then else case dec numeric char varchar"
_UNITS: Final = """
    year years quarter quarters month months week weeks day days hour hours minute minutes second seconds
    millisecond milliseconds microsecond microseconds yearofweek isoyear isoweek dow doy dayofweek
    dayofweek_iso dayofyear yr yrs mon mons w d h hr hrs m min mins s sec secs ms us yyyy yy mm dd
"""

BOOLEAN_FUNCTIONS: Final = frozenset(_BOOLEAN.split())
"""Functions that say yes or no."""

TIME_FUNCTIONS: Final = frozenset(_TO_TIME.split()) | {"date", "timestamp"}
"""Functions that give a time."""

COLLECTION_FUNCTIONS: Final = frozenset(_TO_COLLECTION.split()) | {
    "split",
    "regexp_extract_all",
    "str_to_map",
}
"""Functions that give more than one value."""

ANY_TYPE_FUNCTIONS: Final = frozenset(_ANY_TYPE.split()) | {"cast", "try_cast"}
"""Functions whose type depends on their arguments."""

FUNCTIONS: Final = (
    frozenset(" ".join((_MATHS, _TEXT, _TO_TIME, _OF_TIME, _TO_COLLECTION, _OF_COLLECTION, _CASTS)).split())
    | BOOLEAN_FUNCTIONS
    | ANY_TYPE_FUNCTIONS
)
"""All functions that may be called, in lower case."""

BETWEEN_OPERANDS: Final = frozenset(_OPERATORS.split())
"""Operators in words that stand between operands."""

BEFORE_BRACKET: Final = BETWEEN_OPERANDS | frozenset(_OTHER_WORDS.split())
"""Words other than functions that an opening bracket may follow: operators, and types with parameters."""

_REFUSED: Final = {
    "runs code outside Spark SQL": "reflect java_method try_reflect",
    "gives another result each time": """
        rand random randn uuid shuffle monotonically_increasing_id spark_partition_id randstr uniform
        input_file_name input_file_block_start input_file_block_length
    """,
    "depends on the clock": """
        now current_date current_time current_timestamp localtimestamp curdate unix_timestamp
        current_timezone
    """,
    "depends on the session": """
        current_user user session_user current_catalog current_database current_schema version
    """,
    "makes rows": """
        explode explode_outer posexplode posexplode_outer inline inline_outer stack json_tuple range
        variant_explode variant_explode_outer
    """,
    "is an aggregate; the metric's kind aggregates": """
        sum avg mean count count_if countif min max min_by max_by first first_value last last_value
        any_value any some every bool_and bool_or median mode percentile percentile_approx
        approx_percentile approx_count_distinct collect_list collect_set array_agg stddev std
        stddev_pop stddev_samp variance var_pop var_samp corr covar_pop covar_samp skewness kurtosis
        bit_and bit_or bit_xor grouping grouping_id try_sum try_avg listagg string_agg regr_slope
        histogram_numeric
    """,
    "is a window function": "row_number rank dense_rank percent_rank cume_dist ntile lag lead nth_value",
    "raises on some rows, which would end the run": "format_string getbit map_from_arrays printf sequence",
    "takes a function; use array_contains, element_at and the like": """
        transform filter exists forall aggregate reduce zip_with map_filter map_zip_with
        transform_keys transform_values array_sort
    """,
}
REFUSALS: Final = {name: reason for reason, names in _REFUSED.items() for name in names.split()}
"""Functions that people may try, with why they are refused."""

UNITS: Final = frozenset(_UNITS.split())
"""Words that stand for a unit of time, not for a column."""
