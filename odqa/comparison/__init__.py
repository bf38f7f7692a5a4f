"""What a comparison found: per-question rows first, everything else derived from them."""
