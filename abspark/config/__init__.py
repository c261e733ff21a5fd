"""What the user writes: models, loading, cross-file checks, JSON Schema."""
