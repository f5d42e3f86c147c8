"""The room that is left where a region's database keeps its files."""

import shutil
from datetime import timedelta

from lifecycle.stores import aws
from portal.lib.clock import now
from portal.lib.regions import Region

MINUTES = 15


def free_bytes(region: Region) -> int | None:
    """Bytes left: of the directory the regions file names, or of the RDS instance it names by CloudWatch's last word.

    None where the file names neither, or CloudWatch has said nothing for a quarter of an hour: not known is not enough.
    """
    at = region.database
    if at.directory:
        return shutil.disk_usage(at.directory).free
    if not at.instance:
        return None
    ends = now()
    with aws.translated("cloudwatch", "GetMetricStatistics FreeStorageSpace"):
        points = aws.client(region, "cloudwatch").get_metric_statistics(
            Namespace="AWS/RDS",
            MetricName="FreeStorageSpace",
            Dimensions=[{"Name": "DBInstanceIdentifier", "Value": at.instance}],
            StartTime=ends - timedelta(minutes=MINUTES),
            EndTime=ends,
            Period=60,
            Statistics=["Minimum"],
        )["Datapoints"]
    last = max(points, key=lambda point: point["Timestamp"], default=None)
    return None if last is None else int(last["Minimum"])
