"""Attacks on odqa by hand: killed runs, flipped bytes. Results stand in eval/results."""
