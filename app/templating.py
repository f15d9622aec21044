"""Templates (placeholder until the real one lands)."""

from typing import Any

from app.assets import Assets


class Templates:
    def __init__(self, assets: Assets, *, site_name: str) -> None:
        self.assets = assets
        self.site_name = site_name

    def render(self, name: str, **context: Any) -> str:
        return f"{name} {context}"
