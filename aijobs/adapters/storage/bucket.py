"""Prepares a bucket: makes it, and has the store itself delete what killed uploads leave behind."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from aijobs.adapters.storage.s3 import s3_client
from aijobs.adapters.storage.s3_calls import S3Calls
from aijobs.adapters.storage.settings import StoreSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import LifecycleRuleUnionTypeDef

RULE: Final = "aijobs-unfinished-uploads"
UNFINISHED_DAYS: Final = 2
"""Repair deletes them after a day; this is for what repair cannot see, or while no worker runs."""

WITHOUT_RULES: Final = "this store has no lifecycle rules: unfinished uploads are left to repair, which deletes them"

DEFAULT_REGION: Final = "us-east-1"  #: whose buckets are made without naming it

NO_LIFECYCLE: Final = frozenset({"NotImplemented", "MethodNotAllowed", "501"})
NO_RULES_YET: Final = frozenset({"NoSuchLifecycleConfiguration", "404"})
NO_BUCKET: Final = frozenset({"404", "NoSuchBucket"})


async def prepare_bucket(settings: StoreSettings) -> list[str]:
    """Make the bucket and its rule where they are missing. Returns what was done or found. Raises StoreUnavailable."""
    with ThreadPoolExecutor(1, thread_name_prefix="bucket") as pool:
        return await S3Calls(pool).run(_prepare, settings=settings)


def _prepare(*, settings: StoreSettings) -> list[str]:
    client = s3_client(settings=settings)
    try:
        return list(_steps(client, settings))
    finally:
        client.close()


def _steps(client: "S3Client", settings: StoreSettings) -> Iterator[str]:
    bucket, prefix = settings.bucket_and_prefix
    if _exists(client, bucket):
        yield f"the bucket {bucket} is there"
    else:
        client.create_bucket(**_new_bucket(bucket, client.meta.region_name, at_aws=not settings.endpoint))
        yield f"made the bucket {bucket}"
    yield _ensure_rule(client, bucket, prefix)


def _exists(client: "S3Client", bucket: str) -> bool:
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as refused:
        if _code(refused) in NO_BUCKET:
            return False
        raise
    return True


def _new_bucket(bucket: str, region: str, *, at_aws: bool) -> dict[str, Any]:
    elsewhere = at_aws and region != DEFAULT_REGION
    where = {"CreateBucketConfiguration": {"LocationConstraint": region}} if elsewhere else {}
    return {"Bucket": bucket, **where}


def _ensure_rule(client: "S3Client", bucket: str, prefix: str) -> str:
    """The rules of others stay as they are."""
    try:
        rules = _rules(client, bucket)
        if rules is None:
            return WITHOUT_RULES
        if any(rule.get("ID") == RULE for rule in rules):
            return "its rule for unfinished uploads is there"
        client.put_bucket_lifecycle_configuration(
            Bucket=bucket, LifecycleConfiguration={"Rules": [*rules, _rule(prefix)]}
        )
    except ClientError as refused:
        if _code(refused) in NO_LIFECYCLE:
            return WITHOUT_RULES
        raise
    return f"unfinished uploads are deleted after {UNFINISHED_DAYS} days"


def _rules(client: "S3Client", bucket: str) -> "list[LifecycleRuleUnionTypeDef] | None":
    """None where the store knows no rules: OpenStack Swift answers with the list of objects instead."""
    try:
        found = client.get_bucket_lifecycle_configuration(Bucket=bucket).get("Rules")
    except ClientError as refused:
        if _code(refused) in NO_RULES_YET:
            return []
        raise
    return None if found is None else list(found)


def _rule(prefix: str) -> "LifecycleRuleUnionTypeDef":
    return {
        "ID": RULE,
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UNFINISHED_DAYS},
    }


def _code(refused: ClientError) -> str:
    return str(refused.response.get("Error", {}).get("Code", "?"))
