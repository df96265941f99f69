"""The three types of SSO connection: their fields, certificates and keys."""
