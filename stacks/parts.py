"""What all parts of the settings are made of: strict models and the forms of names and amounts."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _day(said: Any) -> Any:
    # The engine reads a day that stands in YAML without quotes as a time, and hands it on as such.
    return said.removesuffix(" 00:00:00 +0000 UTC") if isinstance(said, str) else said


Name = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$")]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")]
Day = Annotated[date, BeforeValidator(_day)]
Port = Annotated[int, Field(ge=1024, le=65535)]


class Part(BaseModel):
    """Common to all parts of the settings: no unknown keys, no change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_enum_values=False)
