"""Pre-trained models of other families, read as stacks a RETRO model can be grown from."""
