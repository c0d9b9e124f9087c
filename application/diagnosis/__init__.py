"""Why a webhook was refused."""
