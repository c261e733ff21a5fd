"""A call of every function that an expression may use, over one row."""

from __future__ import annotations

from typing import Final

ROW: Final = (
    "select 'Ab,c' as word, '4000' as digits, 'http://a.b/c?k=v' as url, '{\"a\": [{\"b\": 7}]}' as doc, "
    "cast(7 as bigint) as n, cast(2 as int) as i, 0.5D as x, true as yes, timestamp '2026-03-01 12:34:56.5' as t, "
    "date '2026-03-05' as d, array('b', 'a', null) as list, array(3, 1, 2) as nums, array(array(1), array(2)) as deep, "
    "map('k', 'v') as tags, cast('ab' as binary) as bytes"
)
TYPES: Final = {
    **dict.fromkeys(("word", "digits", "url", "doc"), "string"),
    **{
        "n": "bigint",
        "i": "int",
        "x": "double",
        "yes": "boolean",
        "t": "timestamp",
        "d": "date",
        "bytes": "binary",
    },
    **{
        "list": "array<string>",
        "nums": "array<int>",
        "deep": "array<array<int>>",
        "tags": "map<string,string>",
    },
}

_OF_ONE: Final = {
    "x": """
        abs acos acosh asin asinh atan atanh bround cbrt ceil ceiling cos cosh cot csc degrees exp expm1 floor ln log
        log10 log1p log2 negative positive radians rint round sec sign signum sin sinh sqrt tan tanh isnan isnull
        isnotnull decimal double float
    """,
    "i": "boolean bin bit_count factorial hex chr char date_from_unix_date int smallint tinyint bigint",
    "n": "timestamp_micros timestamp_millis timestamp_seconds from_unixtime string",
    "word": """
        ascii bit_length btrim char_length character_length crc32 hash initcap lcase length lower ltrim md5
        octet_length reverse rtrim sha sha1 soundex trim ucase upper url_encode url_decode try_url_decode xxhash64 mask
        str_to_map binary
    """,
    "digits": "luhn_check unhex unbase64",
    "bytes": "base64",
    "t": """
        day dayname dayofmonth dayofweek dayofyear hour last_day minute month monthname quarter second to_unix_timestamp
        to_date to_timestamp to_timestamp_ntz try_to_date try_to_timestamp unix_micros unix_millis unix_seconds weekday
        weekofyear year date timestamp
    """,
    "d": "unix_date",
    "deep": "flatten",
    "nums": "array_distinct array_max array_min array_size cardinality size sort_array",
    "list": "array_compact",
    "tags": "map_entries map_keys map_values",
    "doc": "json_array_length",
}
_OF_SEVERAL: Final = r"""
    e(); pi(); atan2(x, 2); conv(digits, 10, 16); hypot(x, 3); mod(n, 4); nanvl(x, 1); pmod(-n, 4); pow(x, 2);
    power(x, 2); shiftleft(n, i); shiftright(n, i); shiftrightunsigned(n, i); try_add(n, i); try_divide(n, i);
    try_mod(n, i); try_multiply(n, i); try_subtract(n, i); width_bucket(x, 0, 1, 4); concat(word, digits);
    concat_ws('-', word, digits); elt(i, word, digits); find_in_set('c', word); get_json_object(doc, '$.a[0].b');
    instr(word, 'b'); left(word, 2); levenshtein(word, digits); locate('b', word); lpad(word, 9, '.');
    overlay(word, 'x', 2); parse_url(url, 'QUERY', 'k'); position('b', word); regexp_count(word, '[a-z]');
    regexp_extract(word, '(.),(.)', 2); regexp_extract_all(word, '([a-z])', 1); regexp_instr(word, ',');
    regexp_replace(word, '[a-z]', '-'); regexp_substr(word, '[a-z]'); repeat(word, 2); replace(word, 'b', 'x');
    right(word, 2); rpad(word, 9, '.'); sha2(word, 256); split(word, ','); split_part(word, ',', i); substr(word, 2);
    substring(word, 2, 1); substring_index(word, ',', 1); to_char(n, '99'); to_number(digits, '9999');
    to_varchar(n, '99'); translate(word, 'b', 'x'); try_parse_url(url, 'HOST'); try_to_number(digits, '9999');
    add_months(d, i); convert_timezone('UTC', 'Europe/Berlin', t); date_add(d, i); date_sub(d, i);
    date_trunc('hour', t); dateadd(d, i); from_utc_timestamp(t, 'Europe/Berlin'); make_date(2026, i, n);
    make_timestamp(2026, i, 3, 4, 5, 6.5); make_timestamp_ntz(2026, i, 3, 4, 5, 6.5); next_day(d, 'monday');
    to_utc_timestamp(t, 'Europe/Berlin'); trunc(d, 'month'); date_diff(d, t); date_format(t, 'yyyy');
    date_part('hour', t); datediff(d, t); datepart('hour', t); extract(minute from t); months_between(d, t);
    array(i, 1); array_append(nums, i); array_except(nums, array(1)); array_intersect(nums, array(1));
    array_prepend(nums, i); array_remove(nums, i); array_repeat(i, 2); array_union(nums, array(9)); map('a', i);
    map_concat(tags, map('a', word)); slice(nums, i, 1); array_join(list, '-', 'none'); array_position(nums, i);
    cast(x as int); try_cast(word as int); array_contains(nums, i); arrays_overlap(nums, array(1));
    contains(word, 'b'); endswith(word, 'c'); equal_null(i, n); ilike(word, 'a%'); like(word, 'A%');
    map_contains_key(tags, 'k'); regexp(word, '^A'); regexp_like(word, '^A'); rlike(word, '^A');
    startswith(word, 'A'); case when yes then i else n end; coalesce(null, i); decode(i, 1, 'one', 2, 'two');
    element_at(nums, 2); get(nums, i); greatest(i, n); if(yes, i, n); ifnull(null, i); least(i, n); nullif(i, n);
    nvl(null, i); nvl2(null, i, n); try_element_at(nums, -1); len(word); positive(x); log(2, x); round(x, 1);
    bround(n, -1); ceil(x, 1); floor(x, 1); mask(word, '#', '*', 'd', null); trim(both 'A' from word);
    trim(leading from word); ltrim('A', word); btrim(word, 'A'); overlay(word placing 'x' from 2 for 1);
    substring(word from 2 for 1); position('b' in word); locate('b', word, 2); date_diff(day, d, t);
    datediff(hour, t, t); dateadd(month, 2, t); date_add(day, 2, t); extract(dow from t); date_part('doy', t);
    to_date(digits, 'yyyy'); to_timestamp(digits, 'yyyy'); try_to_timestamp(digits, 'yyyy');
    try_to_date(digits, 'yyyy'); to_unix_timestamp(digits, 'yyyy'); from_unixtime(n, 'yyyy/MM');
    date_format(t, 'EEE d MMM HH:mm:ss.SSS'); date_trunc('WEEK', t); date_trunc('mon', t); trunc(d, 'YEAR');
    months_between(d, t, false); convert_timezone('America/New_York', t);
    make_timestamp(2026, i, 3, 4, 5, 6.5, 'Europe/Berlin'); regexp_extract(word, '(.),');
    regexp_extract_all(word, '([a-z])'); regexp_replace(word, '([a-z])', '$1$1', 2); regexp_like(word, 'a');
    split(word, '[,b]', 2); str_to_map(url, '/', ':'); substring_index(word, ',', -1); sort_array(nums, false);
    slice(nums, -2, 2); array_join(list, '-'); xxhash64(word, n); hash(word, n); sha2(word, 0);
    parse_url(url, 'HOST'); try_parse_url(url, 'QUERY', 'k'); conv(digits, 16, -10); shiftleft(i, 31);
    shiftright(-n, 1); get_json_object(doc, '$.a[*].b'); get_json_object(doc, '$.a[0][');
    get_json_object(doc, '$..b'); get_json_object(doc, 'a'); levenshtein(word, digits, 2); like(word, 'a#%', '#');
    width_bucket(x, 0.0, 1.0, 4); initcap('ab cd'); decode(i, 1, 'one', 'none'); unhex('4D'); elt(1, word);
    array_position(list, 'a'); array_append(list, 'x'); element_at(tags, 'k'); try_element_at(tags, 'k');
    nanvl(cast('nan' as double), x); date_sub(t, 3); next_day(d, 'TU'); last_day(t); add_months(t, -i);
    timestamp_micros(n * 1000); unix_millis(t) + 1; cast(t as date); cast(nums as array<string>);
    cast(x as decimal(5,1)); space(3); x::string; try_cast(word as timestamp); lpad(word, 5); rpad(word, 2);
    repeat(word, 0); word not like 'A%'; word rlike '^A' and not word regexp 'b$'; word ilike '%B%';
    nums[0] + deep[1][0]; tags['k']; n div i; n % i; -n; ~n; n & i | 8 ^ 1; word || digits; i <=> null; i is not null;
    i is distinct from n; i in (1, 2); t between d and t; t - d; t - interval 1 day; t + interval '1 2' day to hour;
    d + 1; d - date '2026-03-01'; interval '2' month + d; extract(second from t); year(t) * 100 + month(t);
    timestamp_ntz '2026-03-01 00:00:00' < t; get_json_object(doc, '$[''a''][0]'); concat('it''s', "a""b", 'x' 'y');
"""

EXAMPLES: Final = (
    *(f"{name}({column})" for column, names in _OF_ONE.items() for name in names.split()),
    *(call for written in _OF_SEVERAL.split(";") if (call := written.strip())),
)
"""Calls of one argument, and the others."""
