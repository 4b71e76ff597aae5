-- Errors that a custom error response answers with another status: viewers of a
-- single-page application see 200 and its start page where S3 refused. Whether
-- the refusal was a 403 or a 404 is in S3's log only.
SELECT cs_uri_stem, sc_status, count(*) AS requests, approx_distinct(c_ip) AS viewers,
  min("date" || ' ' || "time") AS first_seen, max("date" || ' ' || "time") AS last_seen
FROM why403.cloudfront
WHERE x_edge_result_type = 'Error' AND x_edge_response_result_type = 'Error' AND regexp_like(sc_status, '^[23]')
  AND "date" BETWEEN '2026-11-20' AND '2026-11-21'
GROUP BY 1, 2
ORDER BY requests DESC, cs_uri_stem
LIMIT 100;
