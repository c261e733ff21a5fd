"""Results rows to text."""
