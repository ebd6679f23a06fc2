"""How much may be asked for at once, said once for the settings, the command and the service."""

MAX_TOP_K = 100
MAX_PASSAGES = 20
