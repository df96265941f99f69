"""The client for Stytch: paces, retries safely, classifies errors, masks addresses. Start with ``connect``."""
