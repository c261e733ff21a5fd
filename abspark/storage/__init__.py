"""The only code that reads or writes: sessions, sources, lake tables, runs."""
