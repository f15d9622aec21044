"""Static files (placeholder until the real one lands)."""


class Assets:
    def url(self, name: str) -> str:
        return f"/static/{name}"
