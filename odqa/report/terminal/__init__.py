"""A comparison as plain text for a terminal."""
