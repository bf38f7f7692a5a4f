"""Expected scores, and runs done again: what came out otherwise than before."""
