"""odqa: which open-domain QA architecture is better, at what cost, and why?"""

__version__ = "0.1.0"
