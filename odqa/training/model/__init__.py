"""What is trained: the base model, its low-rank adapters, initial weights, kept weights."""
