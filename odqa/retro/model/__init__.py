"""The model itself: configuration, layers, forward pass, cached decoding, input layouts."""
