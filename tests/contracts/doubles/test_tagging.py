"""What a residue sweep asks: every resource of a tenant by its tag, across services and pages."""

from uuid import uuid4

from .aws import Aws


def _arns(double: Aws, **filters: object) -> list[str]:
    pages = double.client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(**filters)
    return [item["ResourceARN"] for page in pages for item in page["ResourceTagMappingList"]]


def test_everything_of_a_tenant_is_found_by_its_tag(double: Aws) -> None:
    tenant = str(uuid4())
    tags = [{"Key": "TenantID", "Value": tenant}]
    bucket = double.new_bucket()
    double.client("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    key = double.client("kms").create_key(Tags=[{"TagKey": "TenantID", "TagValue": tenant}])["KeyMetadata"]["Arn"]
    double.client("logs").create_log_group(logGroupName=f"/rag/{tenant}", tags={"TenantID": tenant})
    double.client("iam").create_user(UserName=f"rag-{tenant}", Tags=tags)
    mine = [{"Key": "TenantID", "Values": [tenant]}]
    group = f"arn:aws:logs:ap-south-1:000000000000:log-group:/rag/{tenant}"
    user = f"arn:aws:iam::000000000000:user/rag-{tenant}"
    assert set(_arns(double, TagFilters=mine)) == {f"arn:aws:s3:::{bucket}", key, group, user}
    assert _arns(double, TagFilters=mine, ResourceTypeFilters=["logs:log-group"]) == [group]
    assert set(_arns(double, TagFilters=mine, ResourceTypeFilters=["s3", "kms:key"])) == {f"arn:aws:s3:::{bucket}", key}
    assert _arns(double, TagFilters=[{"Key": "TenantID", "Values": [str(uuid4())]}]) == []
    paged = _arns(double, TagFilters=mine, PaginationConfig={"PageSize": 1})
    assert len(paged) == len(set(paged)) == 4
