"""Training recipes for the weights we ship: one YAML file, one model, one result."""
