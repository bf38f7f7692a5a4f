"""NVIDIA's Retro checkpoints (Megatron-LM, legacy format) converted to `RetroModel`."""
