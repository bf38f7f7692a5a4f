"""RETRO: a decoder that reads retrieved chunks through chunked cross-attention.

Source of the architecture: Borgeaud et al., "Improving language models by retrieving from
trillions of tokens" (arXiv 2112.04426). Importing this package imports no torch.
"""
