"""Bodies of vendors whose fields are written in camel case."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class CamelCaseBody(BaseModel):
    """Nothing unknown, nothing coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel, protected_namespaces=())
