"""One model per hash scheme, grouped by the hash function behind it."""
