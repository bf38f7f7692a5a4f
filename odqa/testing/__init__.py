"""Test suites and tiny checkpoints for components, ours and third parties'."""
