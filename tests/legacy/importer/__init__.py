"""The import of old databases."""
