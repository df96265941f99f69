"""Small repositories for tests: a folder with a ``reconciler.yaml`` and the files that a test names."""

from collections.abc import Mapping
from pathlib import Path

from reconciler.config.read import Config, load_config
from reconciler.load.repository import Declared, load_documents

CONFIGURATION = """\
apiVersion: reconciler/v1
kind: Configuration
environments:
  test: {vars: {tier: gold}, tables: {tenants: tenants.csv}}
  live: {}
"""
OF_A_PROJECT = """\
apiVersion: reconciler/v1
kind: Configuration
name: acme-identity
environments: {test: {target: {project: b2b, environment: test}}}
"""
OWNED = """\
apiVersion: reconciler/v1
kind: Configuration
name: acme-identity
environments: {test: {}}
"""
ORGANIZATION = """\
apiVersion: reconciler/v1
kind: Organization
metadata: {name: acme}
spec: {organization_name: Acme}
"""


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Write files below ``root``, which is given back."""
    for name, text in {"reconciler.yaml": CONFIGURATION, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def config_of(root: Path, environment: str | None = "test") -> Config:
    return load_config(root, environment)


def declared(root: Path, files: Mapping[str, str], environment: str = "test") -> Declared:
    """Write a repository and load it."""
    return load_documents(config_of(write(root, files), environment))
