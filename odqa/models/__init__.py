"""Embedded models: small weights of our own, as changes of one base model, each with its card."""

from __future__ import annotations

from odqa.models.base import BASE_SHA256, base_model_dir
from odqa.models.materialise import EMBEDDED, delta_dir, materialise

__all__ = ["BASE_SHA256", "EMBEDDED", "base_model_dir", "delta_dir", "materialise"]
