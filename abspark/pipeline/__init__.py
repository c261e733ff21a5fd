"""DataFrame to DataFrame, one module per station from raw logs to moments."""
