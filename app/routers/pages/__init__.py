"""Pages (placeholder until the real one lands)."""

from fastapi import APIRouter

router = APIRouter()
