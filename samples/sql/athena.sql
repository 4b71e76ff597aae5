-- One folder of reports: why403 scan … --out s3://BUCKET/why403/keys/2026-11-24.parquet
CREATE EXTERNAL TABLE why403_keys (
  kind string, distribution string, bucket string, key string, key_encoding string, access string,
  uris array<string>,
  requests_cloudfront bigint, requests_s3 bigint, requests_direct bigint, viewers bigint,
  first_seen timestamp, last_seen timestamp,
  status string, verdict string, noise boolean,
  cause_rank int, cause string, certainty string, summary string,
  evidence array<struct<source:string, ref:string, fact:string>>,
  remedy string, verified boolean,
  ruled_out array<string>, missing array<string>,
  hours array<struct<hour:timestamp, count:bigint>>
)
STORED AS PARQUET
LOCATION 's3://BUCKET/why403/keys/';

-- Requests refused, by the cause to act on first. "$path" names the night.
SELECT "$path" AS report, verdict, count(*) AS keys,
       sum(greatest(requests_cloudfront, requests_s3) + requests_direct) AS requests
FROM why403_keys
WHERE cause_rank = 0 AND NOT noise
GROUP BY 1, 2
ORDER BY 1, 4 DESC;

-- 403s by hour and cause.
SELECT h.hour, verdict, sum(h.count) AS forbidden
FROM why403_keys CROSS JOIN UNNEST(hours) AS t(h)
WHERE cause_rank = 0
GROUP BY 1, 2
ORDER BY 1, 3 DESC;
