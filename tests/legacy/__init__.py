"""The wire of the old servers, and the import of their databases."""
