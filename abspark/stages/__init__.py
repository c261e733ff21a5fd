"""The stages of a run. Each reads what the one before left in the lake, so each may be a process of its own."""
