"""What to search for instead of, or beside, the question as it was asked."""
