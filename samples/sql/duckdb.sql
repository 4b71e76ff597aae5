-- Requests refused, by the cause to act on first.
SELECT verdict, count(*) AS keys,
       sum(greatest(requests_cloudfront, requests_s3) + requests_direct)::BIGINT AS requests
FROM 'keys.parquet'
WHERE cause_rank = 0 AND NOT noise
GROUP BY verdict
ORDER BY requests DESC;

-- Keys that are new since the last nightly run, with their first fix.
SELECT bucket, key, verdict, summary, remedy, verified
FROM 'keys.parquet'
WHERE cause_rank = 0 AND status = 'new'
ORDER BY requests_cloudfront DESC;

-- 403s by hour and cause.
SELECT h.hour AS hour, verdict, sum(h.count)::BIGINT AS forbidden
FROM (SELECT verdict, unnest(hours) AS h FROM 'keys.parquet' WHERE cause_rank = 0)
GROUP BY ALL
ORDER BY hour, forbidden DESC;

-- Keys with more than one cause: fixing the first is not enough.
SELECT bucket, key, list(cause ORDER BY cause_rank) AS causes
FROM 'keys.parquet'
WHERE cause IS NOT NULL
GROUP BY kind, distribution, bucket, key
HAVING count(*) > 1
ORDER BY bucket, key;

-- What a missing permission keeps from being settled.
SELECT m AS permission, count(*) AS keys
FROM (SELECT unnest(missing) AS m FROM 'keys.parquet' WHERE cause_rank = 0)
GROUP BY m
ORDER BY keys DESC;
