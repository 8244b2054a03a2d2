"""What people write by hand: strict, and normalised on reading."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictStr

from pipelines.notation import parse_send


class Written(BaseModel):
    """Something a person writes: unknown keys are refused, and what is written does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


Send = Annotated[dict[str, str], BeforeValidator(parse_send)]
Name = Annotated[StrictStr, Field(min_length=1)]
