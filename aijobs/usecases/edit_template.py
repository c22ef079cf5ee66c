"""Trying a prompt template, and saving it: each save is a new version."""

import asyncio
from dataclasses import dataclass

from aijobs.domain.documents.prompt_stages import Stages, split
from aijobs.domain.documents.templates import StageSettings, Template, TemplateDefinition
from aijobs.domain.values.actors import Actor
from aijobs.persistence.database import Database
from aijobs.persistence.documents.templates import save_template


@dataclass(frozen=True, kw_only=True)
class TemplateSave:
    """`is_new` is false when nothing had changed. `warnings` tell what its stages lack."""

    template: Template
    is_new: bool
    warnings: tuple[str, ...]


async def cut_stages(prompt: str, settings: StageSettings) -> Stages:
    """How a prompt is cut. Raises InvalidParameters when its pattern takes too long."""
    return await asyncio.to_thread(split, prompt, settings)


async def save_version(
    database: Database, template_id: str, definition: TemplateDefinition, actor: Actor
) -> TemplateSave:
    """Jobs keep the version that they began with. Raises InvalidParameters when the stages cannot be cut."""
    cut = await cut_stages(definition.prompt, definition.stages)
    async with database.write() as session:
        template, is_new = await save_template(session, template_id, definition, saved_by=actor.key_id)
    return TemplateSave(template=template, is_new=is_new, warnings=cut.warnings)
