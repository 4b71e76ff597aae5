-- The paths that CloudFront answers with 403 most. An x-edge-detailed-result-type
-- other than Error says that CloudFront refused by itself.
SELECT regexp_extract("$path", '([0-9A-Z]{10,20})\.\d{4}-\d{2}-\d{2}-\d{2}\.[^/]*$', 1) AS distribution,
  cs_uri_stem, cs_method, x_edge_detailed_result_type, sc_content_type,
  count(*) AS requests, approx_distinct(c_ip) AS viewers, approx_distinct(x_edge_location) AS locations,
  min("date" || ' ' || "time") AS first_seen, max("date" || ' ' || "time") AS last_seen,
  max_by(x_edge_request_id, "date" || "time" || x_edge_request_id) AS a_request_id
FROM why403.cloudfront
WHERE sc_status = '403' AND "date" BETWEEN '2026-11-20' AND '2026-11-21'
GROUP BY 1, 2, 3, 4, 5
ORDER BY requests DESC, cs_uri_stem
LIMIT 100;
