"""Previewing and saving prompt templates. Each save makes a new version."""

import asyncio
from dataclasses import dataclass

from aijobs.domain.documents.prompt_stages import Stages, split
from aijobs.domain.documents.templates import StageSettings, Template, TemplateDefinition
from aijobs.domain.values.actors import Actor
from aijobs.persistence.database import Database
from aijobs.persistence.documents.templates import save_template


@dataclass(frozen=True, kw_only=True)
class TemplateSave:
    """`is_new` is false when nothing has changed. `warnings` are about the template's stages."""

    template: Template
    is_new: bool
    warnings: tuple[str, ...]


async def split_prompt(prompt: str, settings: StageSettings) -> Stages:
    """The prompt's stages. Raises InvalidParameters when the pattern takes too long."""
    return await asyncio.to_thread(split, prompt, settings)


async def save_version(
    database: Database, template_id: str, definition: TemplateDefinition, actor: Actor
) -> TemplateSave:
    """Running jobs keep their version. Raises InvalidParameters when the prompt cannot be split into stages."""
    stages = await split_prompt(definition.prompt, definition.stages)
    template, is_new = await database.write(save_template, template_id, definition, saved_by=actor.key_id)
    return TemplateSave(template=template, is_new=is_new, warnings=stages.warnings)
