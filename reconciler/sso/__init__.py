"""What the three sorts of SSO connection are made of: their fields, what is wrong with them, certificates and keys."""
