"""One list of the hits of several stages: by ranks, or by scores brought to one scale."""
