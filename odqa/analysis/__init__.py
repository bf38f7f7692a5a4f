"""Analyses of finished runs: run files and qrels in, a few lines of figures out.

Each module is one analysis, from Python or as ``odqa analyse NAME``, of any TREC runs, also those
of other tools. Importing this package imports no torch.
"""
