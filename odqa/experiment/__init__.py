"""Several pipelines over one question set: shared prefixes once, resumable, recorded."""
