"""Questions about finished runs: run files and qrels in, a few lines of figures out.

Each file answers one, from Python or as ``odqa analyse NAME``, over any TREC runs, also those of
other tools. Importing this package imports no torch.
"""
