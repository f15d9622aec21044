"""Wire models of what people publish and belong to: pictures, sections, groups, channels, posts."""

from datetime import datetime

from pydantic import Field

from app.schemas.wire import PublicModel


class PicturePublic(PublicModel):
    """A stored picture. `url` is where it is shown; it changes with every new picture."""

    url: str = Field(examples=["/pictures/Zk3vJx9q0aQbT1uE.webp"])
    width: int
    height: int
    created_at: datetime
