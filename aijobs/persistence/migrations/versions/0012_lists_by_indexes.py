"""indexes that have every list in its order, and small ones of what few rows have"""

import sqlalchemy as sa
from alembic import op

from aijobs.persistence.migrations.large_tables import create_index, drop_index

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ADDED = (
    ("ix_job_user_id_id", "job", ["user_id", "id"], None),
    ("ix_job_job_status_del_id", "job", ["job_status", "del", "id"], None),
    ("ix_job_model_id_job_status_del_id", "job", ["model_id", "job_status", "del", "id"], None),
    ("ix_job_user_id_job_status_del_id", "job", ["user_id", "job_status", "del", "id"], None),
    (
        "ix_job_user_id_model_id_job_status_del_id",
        "job",
        ["user_id", "model_id", "job_status", "del", "id"],
        None,
    ),
    ("ix_job_origin_known", "job", ["origin"], "origin IS NOT NULL"),
    ("ix_job_rerun_of_known", "job", ["rerun_of"], "rerun_of IS NOT NULL"),
    (
        "ix_job_photo_review_known",
        "job",
        ["photo_review_analysis_code"],
        "photo_review_analysis_code IS NOT NULL",
    ),
    ("ix_submission_unknown", "submission", ["job_code"], "outcome = 'unknown'"),
    ("ix_submission_rejected", "submission", ["job_code"], "outcome = 'rejected'"),
    ("ix_submission_provider_intent_at", "submission", ["provider", "intent_at"], None),
    ("ix_points_day_day_used_user_id", "points_day", ["day", "used", "user_id"], None),
    ("ix_points_day_held", "points_day", ["user_id", "day"], "held > 0"),
    ("ix_points_entry_user_id_id", "points_entry", ["user_id", "id"], None),
    ("ix_points_entry_hold", "points_entry", ["user_id", "day"], "kind = 'hold'"),
    ("ix_idempotency_key_unanswered", "idempotency_key", ["create_time"], "answer IS NULL"),
    ("ix_webhook_delivery_state_id", "webhook_delivery", ["state", "id"], None),
    ("ix_webhook_delivery_user_id_state_id", "webhook_delivery", ["user_id", "state", "id"], None),
    ("ix_webhook_delivery_endpoint_code_state_id", "webhook_delivery", ["endpoint_code", "state", "id"], None),
    ("ix_webhook_delivery_job_code_id", "webhook_delivery", ["job_code", "id"], None),
    ("ix_photo_review_analysis_user_id_id", "photo_review_analysis", ["user_id", "id"], None),
)

DROPPED = (
    ("ix_job_user_id", "job", ["user_id"]),
    ("ix_job_job_status", "job", ["job_status"]),
    ("ix_job_model_id", "job", ["model_id"]),
    ("ix_job_job_status_model_id", "job", ["job_status", "model_id"]),
    ("ix_job_origin", "job", ["origin"]),
    ("ix_job_rerun_of", "job", ["rerun_of"]),
    ("ix_job_photo_review_analysis_code", "job", ["photo_review_analysis_code"]),
    ("ix_points_entry_user_id", "points_entry", ["user_id"]),
    ("ix_webhook_delivery_user_id", "webhook_delivery", ["user_id"]),
    ("ix_webhook_delivery_endpoint_code", "webhook_delivery", ["endpoint_code"]),
    ("ix_webhook_delivery_job_code", "webhook_delivery", ["job_code"]),
    ("ix_photo_review_analysis_user_id", "photo_review_analysis", ["user_id"]),
)


def upgrade() -> None:
    # Keys in flight had the JSON null, which is a text and no NULL: nothing found them.
    op.execute(sa.text("UPDATE idempotency_key SET answer = NULL WHERE CAST(answer AS text) = 'null'"))
    for name, table, columns, where in ADDED:
        create_index(name, table, columns, where=where)
    for name, table, _ in DROPPED:
        drop_index(name, table)


def downgrade() -> None:
    for name, table, columns in DROPPED:
        create_index(name, table, columns)
    for name, table, _, _ in ADDED:
        drop_index(name, table)
