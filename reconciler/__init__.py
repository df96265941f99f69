"""A declarative, rules-driven GitOps reconciler for Stytch B2B."""

__version__ = "0.1.0"
