"""Text -> vectors: checkpoints, pooling, batching, resumable shards, late interaction."""
