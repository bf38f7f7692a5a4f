"""Specs: YAML -> typed, validated, hashable; ``extends``, ``--set``, JSON Schema.

Paths in ``extends`` and in a benchmark's ``data`` and ``pipelines`` are relative to the file they
stand in. Those among the parameters of a stage (a checkpoint folder, a run file) are relative to
the folder odqa is started in: a stage does not know its file, and a spec's hash must not depend on
where it lies.
"""
