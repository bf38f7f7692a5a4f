"""Embedded models: small weights of our own, as changes of one base model, each with its card.

Data only; `odqa.checkpoints` makes checkpoints of them.
"""
