"""Training recipes for the weights we ship: one YAML file, one model, one result.

Importing it imports no torch.
"""

from __future__ import annotations

from odqa.training.data.mining import mine_hard_negatives
from odqa.training.data.training_data import TrainingData, load_training_data
from odqa.training.load_recipe import load_recipe
from odqa.training.recipes import Recipe
from odqa.training.trainer.evaluate import EvaluationSet, evaluate
from odqa.training.trainer.interpolation import interpolated_curves
from odqa.training.trainer.run import train
from odqa.training.trainer.teacher_scores import write_teacher_scores

__all__ = [
    "EvaluationSet",
    "Recipe",
    "TrainingData",
    "evaluate",
    "interpolated_curves",
    "load_recipe",
    "load_training_data",
    "mine_hard_negatives",
    "train",
    "write_teacher_scores",
]
