-- 403s by hour, as CloudFront and as S3 logged them. An hour with more of
-- CloudFront's than of S3's was refused at the edge, or from its error cache.
WITH edge AS (
  SELECT date_trunc('hour', from_iso8601_timestamp("date" || 'T' || "time" || 'Z')) AS hour,
    count(*) AS requests, count_if(sc_status = '403') AS refused
  FROM why403.cloudfront
  WHERE "date" BETWEEN '2026-11-20' AND '2026-11-21' AND regexp_like(sc_status, '^[0-9]{3}$')
  GROUP BY 1
), origin AS (
  SELECT date_trunc('hour', date_parse(substr(requestdatetime, 1, 20), '%d/%b/%Y:%H:%i:%s')) AS hour,
    count_if(httpstatus = '403' AND (requester LIKE 'svc:cloudfront%' OR requester LIKE 'arn:aws:iam::cloudfront:%' OR useragent = '"Amazon CloudFront"')) AS refused,
    count_if(httpstatus = '403') AS refused_to_all
  FROM why403.s3_access
  WHERE unparsed IS NULL
  GROUP BY 1
)
SELECT edge.hour, edge.requests, edge.refused AS refused_by_cloudfront,
  coalesce(origin.refused, 0) AS refused_by_s3, coalesce(origin.refused_to_all, 0) AS refused_by_s3_to_all,
  round(100.0 * edge.refused / edge.requests, 2) AS percent
FROM edge LEFT JOIN origin ON at_timezone(edge.hour, 'UTC') = with_timezone(origin.hour, 'UTC')
ORDER BY edge.hour;
