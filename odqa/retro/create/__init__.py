"""Making a model: around a pre-trained base, from a Megatron checkpoint, or from scratch."""
