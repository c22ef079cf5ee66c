"""photo reviews"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('photo_review_analysis',
    sa.Column('status', sa.Integer(), nullable=False),
    sa.Column('del', sa.Boolean(), nullable=False),
    sa.Column('sort', sa.Integer(), nullable=False),
    sa.Column('create_by', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('create_time', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('update_by', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('update_time', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('code', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('user_id', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('job_code', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('file_code', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('ori_img_url', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('width', sa.Integer(), nullable=False),
    sa.Column('height', sa.Integer(), nullable=False),
    sa.Column('beautify_ability', sa.Boolean(), nullable=False),
    sa.Column('beautify_image', sa.Boolean(), nullable=False),
    sa.Column('beautify_job_code', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=True),
    sa.Column('analysis', sa.JSON(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_photo_review_analysis')),
    sa.UniqueConstraint('code', name=op.f('uq_photo_review_analysis_code'))
    )
    with op.batch_alter_table('photo_review_analysis', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_photo_review_analysis_user_id'), ['user_id'], unique=False)

    op.create_table('photo_beautify',
    sa.Column('status', sa.Integer(), nullable=False),
    sa.Column('del', sa.Boolean(), nullable=False),
    sa.Column('sort', sa.Integer(), nullable=False),
    sa.Column('create_by', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('create_time', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('update_by', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('update_time', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('code', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('photo_review_analysis_code', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('job_code', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('user_id', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('img_url', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('original_url', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('img_status', sa.Integer(), nullable=False),
    sa.Column('cost_time', sa.Float(), nullable=True),
    sa.Column('model_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('model_name', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.ForeignKeyConstraint(['job_code'], ['job.code'], name=op.f('fk_photo_beautify_job_code')),
    sa.ForeignKeyConstraint(['photo_review_analysis_code'], ['photo_review_analysis.code'], name=op.f('fk_photo_beautify_photo_review_analysis_code')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_photo_beautify')),
    sa.UniqueConstraint('code', name=op.f('uq_photo_beautify_code')),
    sa.UniqueConstraint('job_code', 'sort', name=op.f('uq_photo_beautify_job_code_sort'))
    )
    with op.batch_alter_table('photo_beautify', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_photo_beautify_photo_review_analysis_code'), ['photo_review_analysis_code'], unique=False)

    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_job_photo_review_analysis_code'), ['photo_review_analysis_code'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_job_photo_review_analysis_code'))

    with op.batch_alter_table('photo_beautify', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_photo_beautify_photo_review_analysis_code'))

    op.drop_table('photo_beautify')
    with op.batch_alter_table('photo_review_analysis', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_photo_review_analysis_user_id'))

    op.drop_table('photo_review_analysis')
