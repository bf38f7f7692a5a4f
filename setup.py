"""Only what pyproject.toml cannot say: the specs in pipelines/ travel inside the package."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[*find_namespace_packages(include=["odqa", "odqa.*"]), "odqa.pipelines"],
    package_dir={"odqa.pipelines": "pipelines"},
)
