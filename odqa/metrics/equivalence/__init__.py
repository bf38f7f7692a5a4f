"""Whether an answer means the same as an accepted one, by rules, without a model.

Exact match calls one right answer in three wrong, as people judge (Kamalloo et al. 2023, section
4): a date with its day where the year was accepted, a name without its title, a number in words, a
whole sentence around the answer. `odqa.metrics.equivalence.rules` decides by `dates`, `numbers`,
`names` and what `text` shares, in this order; how far it agrees with people is in
``eval/results/answer-equivalence.md``.
"""

from __future__ import annotations
