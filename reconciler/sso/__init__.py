"""The three sorts of SSO connections: their fields, their checks, their certificates and keys."""
