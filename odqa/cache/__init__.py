"""Artifacts on disk, addressed by the hash of their identity, never by names.

An artifact is a folder. It is built in ``KEY.partial`` beside its final place, which survives a
crash so that the builder can resume where it stopped; a finished one gets a manifest
(`odqa.cache.manifest`) and is renamed into place in one step. Of several processes that need one
artifact, one builds it while the others wait for its lock; a finished one is read without a lock,
so that a cache that one may not write is simply used.
"""

from odqa.cache.artifacts import Cache
from odqa.cache.key import content_key

__all__ = ["Cache", "content_key"]
