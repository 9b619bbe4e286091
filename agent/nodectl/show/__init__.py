"""From wire messages to text: pure functions, so that a table is a test."""
