"""Several pipelines over one question set: every stage once, resumable, recorded."""
