# Writes inventory.parquet beside it: python make.py (needs pyarrow from PyPI).
import pyarrow as pa, pyarrow.parquet as pq
pq.write_table(pa.table({
    "bucket": ["site", "site"], "key": ["a b+c日.html", "gone"], "version_id": ["v1", "v2"],
    "is_latest": [True, True], "is_delete_marker": [False, True],
    "size": pa.array([12, None], pa.int64()),
    "last_modified_date": pa.array([1763546400000, 1763546400250], pa.timestamp("ms", "UTC")),
    "e_tag": ["abc", None], "storage_class": ["STANDARD", None],
    "encryption_status": ["SSE-S3", None], "object_owner": ["79a5", None],
}), "inventory.parquet")
