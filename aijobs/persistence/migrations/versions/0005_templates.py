"""document templates, conversations and rows"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('conversation',
    sa.Column('job_code', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('stages', sa.Integer(), nullable=False),
    sa.Column('template_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('template_version', sa.Integer(), nullable=False),
    sa.Column('create_time', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('cleared_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['job_code'], ['job.code'], name=op.f('fk_conversation_job_code')),
    sa.PrimaryKeyConstraint('job_code', name=op.f('pk_conversation'))
    )
    op.create_table('conversation_message',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('job_code', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('stage', sa.Integer(), nullable=False),
    sa.Column('role', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('content', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('file', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('lost', sa.Integer(), nullable=False),
    sa.Column('tokens_in', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('tokens_out', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('cost', sa.Float(), nullable=True),
    sa.Column('model', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('finish', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('seconds', sa.Float(), nullable=True),
    sa.Column('create_time', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['job_code'], ['conversation.job_code'], name=op.f('fk_conversation_message_job_code')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_conversation_message')),
    sa.UniqueConstraint('job_code', 'stage', 'role', name=op.f('uq_conversation_message_job_code_stage_role'))
    )
    op.create_table('template',
    sa.Column('status', sa.Integer(), nullable=False),
    sa.Column('del', sa.Boolean(), nullable=False),
    sa.Column('sort', sa.Integer(), nullable=False),
    sa.Column('create_by', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('create_time', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('update_by', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('update_time', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('file_sha256', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_template'))
    )
    op.create_table('template_row',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('template_id', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('template_version', sa.Integer(), nullable=False),
    sa.Column('source', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('user_id', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('row_number', sa.Integer(), nullable=False),
    sa.Column('values', sa.JSON(), nullable=False),
    sa.Column('create_time', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_template_row')),
    sa.UniqueConstraint('source', 'row_number', name=op.f('uq_template_row_source_row_number'))
    )
    with op.batch_alter_table('template_row', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_template_row_template_id'), ['template_id'], unique=False)

    op.create_table('template_version',
    sa.Column('template_id', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('definition', sa.JSON(), nullable=False),
    sa.Column('create_by', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('create_time', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['template_id'], ['template.id'], name=op.f('fk_template_version_template_id')),
    sa.PrimaryKeyConstraint('template_id', 'version', name=op.f('pk_template_version'))
    )


def downgrade() -> None:
    op.drop_table('template_version')
    with op.batch_alter_table('template_row', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_template_row_template_id'))

    op.drop_table('template_row')
    op.drop_table('template')
    op.drop_table('conversation_message')
    op.drop_table('conversation')
