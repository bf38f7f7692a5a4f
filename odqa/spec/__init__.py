"""Specs: YAML -> typed, validated, hashable; ``extends``, ``--set``, JSON Schema."""
