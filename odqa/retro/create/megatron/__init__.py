"""NVIDIA's Retro checkpoints (Megatron-LM, legacy format) as RETRO models of ours."""
