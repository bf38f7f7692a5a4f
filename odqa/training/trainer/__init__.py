"""Trainings run, and what they left evaluated and put to use."""
