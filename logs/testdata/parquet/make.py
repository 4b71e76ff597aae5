# Writes the Parquet files beside it with writers other than parquet-go:
# python make.py . (needs pyarrow and duckdb from PyPI)
import pyarrow as pa, pyarrow.parquet as pq, duckdb, sys, datetime
out = sys.argv[1]
names = "date time x_edge_location sc_bytes c_ip cs_method cs_host cs_uri_stem sc_status cs_referer cs_user_agent cs_uri_query cs_cookie x_edge_result_type x_edge_request_id x_host_header cs_protocol cs_bytes time_taken x_forwarded_for ssl_protocol ssl_cipher x_edge_response_result_type cs_protocol_version fle_status fle_encrypted_fields c_port time_to_first_byte x_edge_detailed_result_type sc_content_type sc_content_len sc_range_start sc_range_end".split()
def row(time, stem, status, result, rid, ua):
    return ["2025-11-20", time, "FRA56-P3", "403", "192.0.2.7", "GET", "d111111abcdef8.cloudfront.net", stem, status, "-", ua, "-", "-", result, rid, "www.example.com", "https", "403", "0.403", "-", "TLSv1.3", "TLS_AES_128_GCM_SHA256", result, "HTTP/2.0", "-", "-", "50294", "0.012", result, "application/xml", "243", "-", "-"]
enc = [row("07:00:01", "/a%2520b", "403", "Error", "id1==", "Mozilla/5.0%20(X11)"),
       row("07:00:02", "/ok", "200", "Hit", "id2==", "Mozilla/5.0%20(X11)"),
       row("07:00:03", "/masked", "404", "Error", "id3==", "-")]
def table(rows, cols):
    return pa.table({n: pa.array([r[i] for r in rows], pa.string()) for i, n in enumerate(cols)})
# all strings, absent is "-", encoded, snappy
pq.write_table(table(enc, names), out + "/edge-strings.parquet")
# unencoded, absent is NULL, zstd, data page v2
dec = [row("07:00:01", "/a%20b", "403", "Error", "id1==", "Mozilla/5.0 (X11)"),
       row("07:00:02", "/ok", "200", "Hit", "id2==", "Mozilla/5.0 (X11)"),
       row("07:00:03", "/masked", "404", "Error", "id3==", None)]
dec = [[None if v == "-" else v for v in r] for r in dec]
pq.write_table(table(dec, names), out + "/edge-nulls.parquet", compression="zstd", data_page_version="2.0")
# no rows
pq.write_table(table([], ("date", "time", "cs_uri_stem", "sc_status")), out + "/edge-empty.parquet")
# a subset with types, gzip, other case of names, more than one row group
t = pa.table({
  "timestamp(ms)": pa.array([1763622001123, 1763622002000, 1763622003000], pa.int64()),
  "DistributionId": pa.array(["E2ABCDEFGHIJ3K"] * 3),
  "sc-status": pa.array([403, 200, 404], pa.int32()),
  "cs-uri-stem": pa.array(["/a%2520b", "/ok", "/masked"]),
  "x-edge-result-type": pa.array(["Error", "Hit", "Error"]),
  "x-edge-request-id": pa.array(["id1==", "id2==", "id3=="]),
  "origin-fbl": pa.array([None, 0.5, None], pa.float64()),
})
pq.write_table(t, out + "/edge-types.parquet", compression="gzip", row_group_size=2)
# DuckDB's writer, with DATE and TIME
con = duckdb.connect()
con.register("t", table(enc, names))
con.execute("create table u as select * replace (date::date as date, time::time as time, sc_status::integer as sc_status) from t")
con.execute(f"copy u to '{out}/edge-duckdb.parquet' (format parquet)")
# without sc_status
con.execute(f"copy (select date, time, cs_uri_stem, c_ip, cs_method from t) to '{out}/edge-nostatus.parquet' (format parquet)")
# S3, vended
owner = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"
s3 = pa.table({
  "schema_version_id": ["V_1_0"] * 3, "bucket_arn": ["arn:aws:s3:::site"] * 3, "bucket_name": ["site"] * 3,
  "request_time": pa.array([datetime.datetime(2025, 11, 20, 7, 0, 0, 500000, datetime.timezone.utc), datetime.datetime(2025, 11, 20, 7, 0, 2, 0, datetime.timezone.utc), datetime.datetime(2025, 11, 20, 7, 0, 3, 0, datetime.timezone.utc)], pa.timestamp("ms", "UTC")),
  "bucket_owner_id": [owner] * 3, "remote_ip": pa.array([None, None, "192.0.2.9"]), "requester": pa.array(["svc:cloudfront.amazonaws.com", "svc:cloudfront.amazonaws.com", None]),
  "request_id": ["3E57427F3EXAMPLE", "3E57427F4EXAMPLE", "3E57427F5EXAMPLE"], "operation": ["REST.GET.OBJECT"] * 3,
  "key_name": ["a b", "ok", "100%25"], "request_uri": ["GET /a%20b HTTP/1.1", "GET /ok HTTP/1.1", "GET /100%2525 HTTP/1.1"],
  "http_status": pa.array([403, 200, 403], pa.int32()), "error_code": pa.array(["AccessDenied", None, "AccessDenied"]), "bytes_sent_size": pa.array([243, 403, 243], pa.int64()),
})
pq.write_table(s3, out + "/origin.parquet")
pq.write_table(pa.table({"connectionStatus": ["Success"] * 4, "clientIp": ["192.0.2.1"] * 4, "connectionId": ["c"] * 4}), out + "/connection.parquet")
pq.write_table(pa.table({"a": [1, 2]}), out + "/other.parquet")
