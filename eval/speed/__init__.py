"""How fast RETRO is here: against a peer, ranking, generation. See ``eval/speed/run.sh``."""
