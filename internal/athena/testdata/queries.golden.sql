-- s3://logs/cf/, lines
WITH lines AS (
  SELECT "$path" AS path, coalesce(line, '\N') AS line
  FROM "why403"."cloudfront_lines"
  WHERE coalesce(regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) > '2026-11-19-22' AND regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) <= '2026-11-20-23', true)
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, split(text, chr(9)) AS f FROM texts
), told AS (
  SELECT path, line, text, f, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 7), '') AS scope, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 7), '') AS place,
    element_at(f, 8) AS thing,
    element_at(f, 9) AS status,
    CASE WHEN regexp_like(element_at(f, 1), '^[0-9]{4}-[0-9]{2}-[0-9]{2}$') AND regexp_like(element_at(f, 2), '^[0-9]{2}:[0-9]{2}:[0-9]{2}$') THEN CAST(try(to_unixtime(from_iso8601_timestamp(element_at(f, 1) || 'T' || element_at(f, 2) || 'Z'))) AS bigint) * 1000 END AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce(status IN ('200', '206', '304'), false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND regexp_like(status, '^[0-9]{3}$') AND status <> '403' AND starts_with(thing, '/') AND NOT (status IN ('200', '404') AND coalesce(element_at(f, 14), '') = 'Error'), false) AS plain
  FROM told
), kinds AS (
  SELECT path, line, ms, IF(plain AND served AND inside, thing) AS thing,
    CASE WHEN plain THEN 'plain' WHEN text IN ('#Version: 1.0', '#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end') THEN 'header' ELSE 'line' END AS kind,
    CASE WHEN plain THEN scope WHEN text IN ('#Version: 1.0', '#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end') THEN text ELSE path END AS scope,
    CASE WHEN plain THEN status WHEN text IN ('#Version: 1.0', '#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end') THEN '' ELSE substr(line, 1, 1048577) END AS part,
    plain AND inside AS counted
  FROM sorted
)
SELECT kind, IF(kind = 'plain', min_by(path, ms), scope) AS path, IF(kind = 'line', IF(from_utf8(to_utf8(part)) = part, '=' || part, '~' || to_base64(to_utf8(part)))) AS text, coalesce(part, '') AS status, counted AS inside,
  count(*) AS n, IF(kind = 'plain', IF(from_utf8(to_utf8(min_by(line, ms))) = min_by(line, ms), '=' || min_by(line, ms), '~' || to_base64(to_utf8(min_by(line, ms))))) AS first_line, IF(kind = 'plain', IF(from_utf8(to_utf8(max_by(line, ms))) = max_by(line, ms), '=' || max_by(line, ms), '~' || to_base64(to_utf8(max_by(line, ms))))) AS last_line,
  IF(kind IS NULL, count(DISTINCT path)) AS objects,
  IF(kind IS NULL, approx_distinct(thing)) AS things,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 128000, 36))) AS parts1,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 1024000, 36))) AS parts2,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 8192000, 36))) AS parts3
FROM kinds
GROUP BY GROUPING SETS ((kind, scope, part, counted), ());

-- s3://logs/cf/, served
WITH lines AS (
  SELECT "$path" AS path, coalesce(line, '\N') AS line
  FROM "why403"."cloudfront_lines"
  WHERE coalesce(regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) > '2026-11-19-22' AND regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) <= '2026-11-20-23', true)
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, split(text, chr(9)) AS f FROM texts
), told AS (
  SELECT path, line, text, f, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 7), '') AS scope, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 7), '') AS place,
    element_at(f, 8) AS thing,
    element_at(f, 9) AS status,
    CASE WHEN regexp_like(element_at(f, 1), '^[0-9]{4}-[0-9]{2}-[0-9]{2}$') AND regexp_like(element_at(f, 2), '^[0-9]{2}:[0-9]{2}:[0-9]{2}$') THEN CAST(try(to_unixtime(from_iso8601_timestamp(element_at(f, 1) || 'T' || element_at(f, 2) || 'Z'))) AS bigint) * 1000 END AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce(status IN ('200', '206', '304'), false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND regexp_like(status, '^[0-9]{3}$') AND status <> '403' AND starts_with(thing, '/') AND NOT (status IN ('200', '404') AND coalesce(element_at(f, 14), '') = 'Error'), false) AS plain
  FROM told
), seconds AS (
  SELECT scope, place, thing, ms / 1000 AS second, bool_or(NOT plain) AS refused,
    min(IF(plain, path)) AS path, min_by(line, path) FILTER (WHERE plain) AS line
  FROM sorted
  WHERE thing IS NOT NULL AND (NOT plain OR served AND inside)
  GROUP BY 1, 2, 3, 4
), marked AS (
  SELECT path, line, thing, second, scope, bool_or(refused) OVER (PARTITION BY place, thing) AS refused FROM seconds
), chosen AS (
  SELECT path, line, refused OR (lag(second) OVER (PARTITION BY scope, thing ORDER BY second) IS NULL OR lead(second) OVER (PARTITION BY scope, thing ORDER BY second) IS NULL OR lag(second / 128) OVER (PARTITION BY scope, thing ORDER BY second) < second / 128) AS wanted
  FROM marked
  WHERE line IS NOT NULL
)
SELECT path, IF(from_utf8(to_utf8(line)) = line, '=' || line, '~' || to_base64(to_utf8(line))) AS text FROM chosen WHERE wanted;

-- s3://logs/AWSLogs/111122223333/CloudFront/, lines
WITH lines AS (
  SELECT "$path" AS path, coalesce(line, '\N') AS line
  FROM "why403"."cloudfront_v2_lines"
  WHERE "distribution" IN ('E1EXAMPLE00001', 'E2EXAMPLE00002')
    AND "year" IN ('2026')
    AND "month" IN ('11')
    AND "day" IN ('19', '20')
    AND "hour" IN ('00', '01', '02', '03', '04', '05', '06', '07', '08', '09', '10', '11', '12', '13', '14', '15', '16', '17', '18', '19', '20', '21', '22', '23')
    AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" > '2026-11-19-22' AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" <= '2026-11-21-23'
    AND coalesce(regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) > '2026-11-19-22' AND regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) <= '2026-11-20-23', true)
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, split(text, chr(9)) AS f FROM texts
), told AS (
  SELECT path, line, text, f, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 2), '') || '|' || coalesce(element_at(f, 9), '') AS scope, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 2), '') || '|' || coalesce(element_at(f, 9), '') AS place,
    element_at(f, 10) AS thing,
    element_at(f, 11) AS status,
    CASE WHEN regexp_like(element_at(f, 3), '^[0-9]{4}-[0-9]{2}-[0-9]{2}$') AND regexp_like(element_at(f, 4), '^[0-9]{2}:[0-9]{2}:[0-9]{2}$') THEN CAST(try(to_unixtime(from_iso8601_timestamp(element_at(f, 3) || 'T' || element_at(f, 4) || 'Z'))) AS bigint) * 1000 END AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce(status IN ('200', '206', '304'), false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND regexp_like(status, '^[0-9]{3}$') AND status <> '403' AND starts_with(thing, '/') AND NOT (status IN ('200', '404') AND coalesce(element_at(f, 16), '') = 'Error'), false) AS plain
  FROM told
), kinds AS (
  SELECT path, line, ms, IF(plain AND served AND inside, thing) AS thing,
    CASE WHEN plain THEN 'plain' WHEN text IN ('#Version: 1.0', '#Fields: timestamp DistributionId date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end timestamp(ms) origin-fbl origin-lbl asn c-country cache-behavior-path-pattern') THEN 'header' ELSE 'line' END AS kind,
    CASE WHEN plain THEN scope WHEN text IN ('#Version: 1.0', '#Fields: timestamp DistributionId date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end timestamp(ms) origin-fbl origin-lbl asn c-country cache-behavior-path-pattern') THEN text ELSE path END AS scope,
    CASE WHEN plain THEN status WHEN text IN ('#Version: 1.0', '#Fields: timestamp DistributionId date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end timestamp(ms) origin-fbl origin-lbl asn c-country cache-behavior-path-pattern') THEN '' ELSE substr(line, 1, 1048577) END AS part,
    plain AND inside AS counted
  FROM sorted
)
SELECT kind, IF(kind = 'plain', min_by(path, ms), scope) AS path, IF(kind = 'line', IF(from_utf8(to_utf8(part)) = part, '=' || part, '~' || to_base64(to_utf8(part)))) AS text, coalesce(part, '') AS status, counted AS inside,
  count(*) AS n, IF(kind = 'plain', IF(from_utf8(to_utf8(min_by(line, ms))) = min_by(line, ms), '=' || min_by(line, ms), '~' || to_base64(to_utf8(min_by(line, ms))))) AS first_line, IF(kind = 'plain', IF(from_utf8(to_utf8(max_by(line, ms))) = max_by(line, ms), '=' || max_by(line, ms), '~' || to_base64(to_utf8(max_by(line, ms))))) AS last_line,
  IF(kind IS NULL, count(DISTINCT path)) AS objects,
  IF(kind IS NULL, approx_distinct(thing)) AS things,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 128000, 36))) AS parts1,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 1024000, 36))) AS parts2,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 8192000, 36))) AS parts3
FROM kinds
GROUP BY GROUPING SETS ((kind, scope, part, counted), ());

-- s3://logs/AWSLogs/111122223333/CloudFront/, served
WITH lines AS (
  SELECT "$path" AS path, coalesce(line, '\N') AS line
  FROM "why403"."cloudfront_v2_lines"
  WHERE "distribution" IN ('E1EXAMPLE00001', 'E2EXAMPLE00002')
    AND "year" IN ('2026')
    AND "month" IN ('11')
    AND "day" IN ('19', '20')
    AND "hour" IN ('00', '01', '02', '03', '04', '05', '06', '07', '08', '09', '10', '11', '12', '13', '14', '15', '16', '17', '18', '19', '20', '21', '22', '23')
    AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" > '2026-11-19-22' AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" <= '2026-11-21-23'
    AND coalesce(regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) > '2026-11-19-22' AND regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) <= '2026-11-20-23', true)
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, split(text, chr(9)) AS f FROM texts
), told AS (
  SELECT path, line, text, f, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 2), '') || '|' || coalesce(element_at(f, 9), '') AS scope, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 2), '') || '|' || coalesce(element_at(f, 9), '') AS place,
    element_at(f, 10) AS thing,
    element_at(f, 11) AS status,
    CASE WHEN regexp_like(element_at(f, 3), '^[0-9]{4}-[0-9]{2}-[0-9]{2}$') AND regexp_like(element_at(f, 4), '^[0-9]{2}:[0-9]{2}:[0-9]{2}$') THEN CAST(try(to_unixtime(from_iso8601_timestamp(element_at(f, 3) || 'T' || element_at(f, 4) || 'Z'))) AS bigint) * 1000 END AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce(status IN ('200', '206', '304'), false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND regexp_like(status, '^[0-9]{3}$') AND status <> '403' AND starts_with(thing, '/') AND NOT (status IN ('200', '404') AND coalesce(element_at(f, 16), '') = 'Error'), false) AS plain
  FROM told
), seconds AS (
  SELECT scope, place, thing, ms / 1000 AS second, bool_or(NOT plain) AS refused,
    min(IF(plain, path)) AS path, min_by(line, path) FILTER (WHERE plain) AS line
  FROM sorted
  WHERE thing IS NOT NULL AND (NOT plain OR served AND inside)
  GROUP BY 1, 2, 3, 4
), marked AS (
  SELECT path, line, thing, second, scope, bool_or(refused) OVER (PARTITION BY place, thing) AS refused FROM seconds
), chosen AS (
  SELECT path, line, refused OR (lag(second) OVER (PARTITION BY scope, thing ORDER BY second) IS NULL OR lead(second) OVER (PARTITION BY scope, thing ORDER BY second) IS NULL OR lag(second / 128) OVER (PARTITION BY scope, thing ORDER BY second) < second / 128) AS wanted
  FROM marked
  WHERE line IS NOT NULL
)
SELECT path, IF(from_utf8(to_utf8(line)) = line, '=' || line, '~' || to_base64(to_utf8(line))) AS text FROM chosen WHERE wanted;

-- s3://logs/plain/, lines
WITH lines AS (
  SELECT "$path" AS path, coalesce(line, '\N') AS line
  FROM "why403"."cloudfront_commas_lines"
  WHERE "year" IN ('2026')
    AND "month" IN ('11')
    AND "year" || '-' || "month" > '2026-10' AND "year" || '-' || "month" <= '2026-11'
    AND coalesce(regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) > '2026-11-19-22' AND regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) <= '2026-11-20-23', true)
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, split(text, ',') AS f FROM texts
), told AS (
  SELECT path, line, text, f, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) AS scope, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) AS place,
    element_at(f, 3) AS thing,
    element_at(f, 4) AS status,
    CASE WHEN regexp_like(element_at(f, 1), '^[0-9]{4}-[0-9]{2}-[0-9]{2}$') AND regexp_like(element_at(f, 2), '^[0-9]{2}:[0-9]{2}:[0-9]{2}$') THEN CAST(try(to_unixtime(from_iso8601_timestamp(element_at(f, 1) || 'T' || element_at(f, 2) || 'Z'))) AS bigint) * 1000 END AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce(status IN ('200', '206', '304'), false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND regexp_like(status, '^[0-9]{3}$') AND status <> '403' AND starts_with(thing, '/') AND cardinality(f) = 5 AND NOT (status IN ('200', '404') AND coalesce(element_at(f, 5), '') = 'Error'), false) AS plain
  FROM told
), kinds AS (
  SELECT path, line, ms, IF(plain AND served AND inside, thing) AS thing,
    CASE WHEN plain THEN 'plain' WHEN false THEN 'header' ELSE 'line' END AS kind,
    CASE WHEN plain THEN scope WHEN false THEN text ELSE path END AS scope,
    CASE WHEN plain THEN status WHEN false THEN '' ELSE substr(line, 1, 1048577) END AS part,
    plain AND inside AS counted
  FROM sorted
)
SELECT kind, IF(kind = 'plain', min_by(path, ms), scope) AS path, IF(kind = 'line', IF(from_utf8(to_utf8(part)) = part, '=' || part, '~' || to_base64(to_utf8(part)))) AS text, coalesce(part, '') AS status, counted AS inside,
  count(*) AS n, IF(kind = 'plain', IF(from_utf8(to_utf8(min_by(line, ms))) = min_by(line, ms), '=' || min_by(line, ms), '~' || to_base64(to_utf8(min_by(line, ms))))) AS first_line, IF(kind = 'plain', IF(from_utf8(to_utf8(max_by(line, ms))) = max_by(line, ms), '=' || max_by(line, ms), '~' || to_base64(to_utf8(max_by(line, ms))))) AS last_line,
  IF(kind IS NULL, count(DISTINCT path)) AS objects,
  IF(kind IS NULL, approx_distinct(thing)) AS things,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 128000, 36))) AS parts1,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 1024000, 36))) AS parts2,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 8192000, 36))) AS parts3
FROM kinds
GROUP BY GROUPING SETS ((kind, scope, part, counted), ());

-- s3://logs/plain/, served
WITH lines AS (
  SELECT "$path" AS path, coalesce(line, '\N') AS line
  FROM "why403"."cloudfront_commas_lines"
  WHERE "year" IN ('2026')
    AND "month" IN ('11')
    AND "year" || '-' || "month" > '2026-10' AND "year" || '-' || "month" <= '2026-11'
    AND coalesce(regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) > '2026-11-19-22' AND regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) <= '2026-11-20-23', true)
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, split(text, ',') AS f FROM texts
), told AS (
  SELECT path, line, text, f, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) AS scope, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) AS place,
    element_at(f, 3) AS thing,
    element_at(f, 4) AS status,
    CASE WHEN regexp_like(element_at(f, 1), '^[0-9]{4}-[0-9]{2}-[0-9]{2}$') AND regexp_like(element_at(f, 2), '^[0-9]{2}:[0-9]{2}:[0-9]{2}$') THEN CAST(try(to_unixtime(from_iso8601_timestamp(element_at(f, 1) || 'T' || element_at(f, 2) || 'Z'))) AS bigint) * 1000 END AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce(status IN ('200', '206', '304'), false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND regexp_like(status, '^[0-9]{3}$') AND status <> '403' AND starts_with(thing, '/') AND cardinality(f) = 5 AND NOT (status IN ('200', '404') AND coalesce(element_at(f, 5), '') = 'Error'), false) AS plain
  FROM told
), seconds AS (
  SELECT scope, place, thing, ms / 1000 AS second, bool_or(NOT plain) AS refused,
    min(IF(plain, path)) AS path, min_by(line, path) FILTER (WHERE plain) AS line
  FROM sorted
  WHERE thing IS NOT NULL AND (NOT plain OR served AND inside)
  GROUP BY 1, 2, 3, 4
), marked AS (
  SELECT path, line, thing, second, scope, bool_or(refused) OVER (PARTITION BY place, thing) AS refused FROM seconds
), chosen AS (
  SELECT path, line, refused OR (lag(second) OVER (PARTITION BY scope, thing ORDER BY second) IS NULL OR lead(second) OVER (PARTITION BY scope, thing ORDER BY second) IS NULL OR lag(second / 128) OVER (PARTITION BY scope, thing ORDER BY second) < second / 128) AS wanted
  FROM marked
  WHERE line IS NOT NULL
)
SELECT path, IF(from_utf8(to_utf8(line)) = line, '=' || line, '~' || to_base64(to_utf8(line))) AS text FROM chosen WHERE wanted;

-- s3://logs/AWSLogs/aws-account-id=111122223333/CloudFront/, lines
WITH lines AS (
  SELECT "$path" AS path, coalesce(line, '\N') AS line
  FROM "why403"."cloudfront_json_lines"
  WHERE "distribution" IN ('E1EXAMPLE00001')
    AND "year" IN ('2026')
    AND "month" IN ('11')
    AND "day" IN ('19', '20')
    AND "hour" IN ('00', '01', '02', '03', '04', '05', '06', '07', '08', '09', '10', '11', '12', '13', '14', '15', '16', '17', '18', '19', '20', '21', '22', '23')
    AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" > '2026-11-19-22' AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" <= '2026-11-21-23'
    AND coalesce(regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) > '2026-11-19-22' AND regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) <= '2026-11-20-23', true)
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, try(CAST(json_parse(text) AS map(varchar, varchar))) AS f FROM texts
), told AS (
  SELECT path, line, text, f, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 'DistributionId'), '') || '|' || coalesce(element_at(f, 'cs(Host)'), '') AS scope, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 'DistributionId'), '') || '|' || coalesce(element_at(f, 'cs(Host)'), '') AS place,
    element_at(f, 'cs-uri-stem') AS thing,
    element_at(f, 'sc-status') AS status,
    coalesce(CASE WHEN regexp_like(element_at(f, 'timestamp(ms)'), '^[0-9]{1,15}$') THEN CAST(element_at(f, 'timestamp(ms)') AS bigint) * 1 END, CASE WHEN regexp_like(element_at(f, 'date'), '^[0-9]{4}-[0-9]{2}-[0-9]{2}$') AND regexp_like(element_at(f, 'time'), '^[0-9]{2}:[0-9]{2}:[0-9]{2}$') THEN CAST(try(to_unixtime(from_iso8601_timestamp(element_at(f, 'date') || 'T' || element_at(f, 'time') || 'Z'))) AS bigint) * 1000 END, CASE WHEN regexp_like(element_at(f, 'timestamp'), '^[0-9]{1,12}(\.[0-9]{1,6})?$') THEN CAST(floor(CAST(element_at(f, 'timestamp') AS double) * 1000) AS bigint) END) AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce(status IN ('200', '206', '304'), false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND regexp_like(status, '^[0-9]{3}$') AND status <> '403' AND starts_with(thing, '/') AND NOT (status IN ('200', '404') AND coalesce(element_at(f, 'x-edge-result-type'), '') = 'Error'), false) AS plain
  FROM told
), kinds AS (
  SELECT path, line, ms, IF(plain AND served AND inside, thing) AS thing,
    CASE WHEN plain THEN 'plain' WHEN false THEN 'header' ELSE 'line' END AS kind,
    CASE WHEN plain THEN scope WHEN false THEN text ELSE path END AS scope,
    CASE WHEN plain THEN status WHEN false THEN '' ELSE substr(line, 1, 1048577) END AS part,
    plain AND inside AS counted
  FROM sorted
)
SELECT kind, IF(kind = 'plain', min_by(path, ms), scope) AS path, IF(kind = 'line', IF(from_utf8(to_utf8(part)) = part, '=' || part, '~' || to_base64(to_utf8(part)))) AS text, coalesce(part, '') AS status, counted AS inside,
  count(*) AS n, IF(kind = 'plain', IF(from_utf8(to_utf8(min_by(line, ms))) = min_by(line, ms), '=' || min_by(line, ms), '~' || to_base64(to_utf8(min_by(line, ms))))) AS first_line, IF(kind = 'plain', IF(from_utf8(to_utf8(max_by(line, ms))) = max_by(line, ms), '=' || max_by(line, ms), '~' || to_base64(to_utf8(max_by(line, ms))))) AS last_line,
  IF(kind IS NULL, count(DISTINCT path)) AS objects,
  IF(kind IS NULL, approx_distinct(thing)) AS things,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 128000, 36))) AS parts1,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 1024000, 36))) AS parts2,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 8192000, 36))) AS parts3
FROM kinds
GROUP BY GROUPING SETS ((kind, scope, part, counted), ());

-- s3://logs/AWSLogs/aws-account-id=111122223333/CloudFront/, served
WITH lines AS (
  SELECT "$path" AS path, coalesce(line, '\N') AS line
  FROM "why403"."cloudfront_json_lines"
  WHERE "distribution" IN ('E1EXAMPLE00001')
    AND "year" IN ('2026')
    AND "month" IN ('11')
    AND "day" IN ('19', '20')
    AND "hour" IN ('00', '01', '02', '03', '04', '05', '06', '07', '08', '09', '10', '11', '12', '13', '14', '15', '16', '17', '18', '19', '20', '21', '22', '23')
    AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" > '2026-11-19-22' AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" <= '2026-11-21-23'
    AND coalesce(regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) > '2026-11-19-22' AND regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) <= '2026-11-20-23', true)
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, try(CAST(json_parse(text) AS map(varchar, varchar))) AS f FROM texts
), told AS (
  SELECT path, line, text, f, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 'DistributionId'), '') || '|' || coalesce(element_at(f, 'cs(Host)'), '') AS scope, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 'DistributionId'), '') || '|' || coalesce(element_at(f, 'cs(Host)'), '') AS place,
    element_at(f, 'cs-uri-stem') AS thing,
    element_at(f, 'sc-status') AS status,
    coalesce(CASE WHEN regexp_like(element_at(f, 'timestamp(ms)'), '^[0-9]{1,15}$') THEN CAST(element_at(f, 'timestamp(ms)') AS bigint) * 1 END, CASE WHEN regexp_like(element_at(f, 'date'), '^[0-9]{4}-[0-9]{2}-[0-9]{2}$') AND regexp_like(element_at(f, 'time'), '^[0-9]{2}:[0-9]{2}:[0-9]{2}$') THEN CAST(try(to_unixtime(from_iso8601_timestamp(element_at(f, 'date') || 'T' || element_at(f, 'time') || 'Z'))) AS bigint) * 1000 END, CASE WHEN regexp_like(element_at(f, 'timestamp'), '^[0-9]{1,12}(\.[0-9]{1,6})?$') THEN CAST(floor(CAST(element_at(f, 'timestamp') AS double) * 1000) AS bigint) END) AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce(status IN ('200', '206', '304'), false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND regexp_like(status, '^[0-9]{3}$') AND status <> '403' AND starts_with(thing, '/') AND NOT (status IN ('200', '404') AND coalesce(element_at(f, 'x-edge-result-type'), '') = 'Error'), false) AS plain
  FROM told
), seconds AS (
  SELECT scope, place, thing, ms / 1000 AS second, bool_or(NOT plain) AS refused,
    min(IF(plain, path)) AS path, min_by(line, path) FILTER (WHERE plain) AS line
  FROM sorted
  WHERE thing IS NOT NULL AND (NOT plain OR served AND inside)
  GROUP BY 1, 2, 3, 4
), marked AS (
  SELECT path, line, thing, second, scope, bool_or(refused) OVER (PARTITION BY place, thing) AS refused FROM seconds
), chosen AS (
  SELECT path, line, refused OR (lag(second) OVER (PARTITION BY scope, thing ORDER BY second) IS NULL OR lead(second) OVER (PARTITION BY scope, thing ORDER BY second) IS NULL OR lag(second / 128) OVER (PARTITION BY scope, thing ORDER BY second) < second / 128) AS wanted
  FROM marked
  WHERE line IS NOT NULL
)
SELECT path, IF(from_utf8(to_utf8(line)) = line, '=' || line, '~' || to_base64(to_utf8(line))) AS text FROM chosen WHERE wanted;

-- s3://logs/parquet/, lines
WITH lines AS (
  SELECT "$path" AS path, json_format(CAST(map(ARRAY['date', 'time', 'x-edge-location', 'sc-bytes', 'c-ip', 'cs-method', 'cs(Host)', 'cs-uri-stem', 'sc-status', 'cs(Referer)', 'cs(User-Agent)', 'cs-uri-query', 'cs(Cookie)', 'x-edge-result-type', 'x-edge-request-id', 'x-host-header', 'cs-protocol', 'cs-bytes', 'time-taken', 'x-forwarded-for', 'ssl-protocol', 'ssl-cipher', 'x-edge-response-result-type', 'cs-protocol-version', 'fle-status', 'fle-encrypted-fields', 'c-port', 'time-to-first-byte', 'x-edge-detailed-result-type', 'sc-content-type', 'sc-content-len', 'sc-range-start', 'sc-range-end'], ARRAY["date", "time", "x_edge_location", "sc_bytes", "c_ip", "cs_method", "cs_host", "cs_uri_stem", "sc_status", "cs_referer", "cs_user_agent", "cs_uri_query", "cs_cookie", "x_edge_result_type", "x_edge_request_id", "x_host_header", "cs_protocol", "cs_bytes", "time_taken", "x_forwarded_for", "ssl_protocol", "ssl_cipher", "x_edge_response_result_type", "cs_protocol_version", "fle_status", "fle_encrypted_fields", "c_port", "time_to_first_byte", "x_edge_detailed_result_type", "sc_content_type", "sc_content_len", "sc_range_start", "sc_range_end"]) AS json)) AS line
  FROM "why403"."cloudfront_parquet"
  WHERE "year" IN ('2026')
    AND "month" IN ('11')
    AND "day" IN ('19', '20')
    AND "hour" IN ('00', '01', '02', '03', '04', '05', '06', '07', '08', '09', '10', '11', '12', '13', '14', '15', '16', '17', '18', '19', '20', '21', '22', '23')
    AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" > '2026-11-19-22' AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" <= '2026-11-21-23'
    AND coalesce(regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) > '2026-11-19-22' AND regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) <= '2026-11-20-23', true)
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, try(CAST(json_parse(text) AS map(varchar, varchar))) AS f FROM texts
), told AS (
  SELECT path, line, text, f, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 'cs(Host)'), '') AS scope, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 'cs(Host)'), '') AS place,
    element_at(f, 'cs-uri-stem') AS thing,
    element_at(f, 'sc-status') AS status,
    CASE WHEN regexp_like(element_at(f, 'date'), '^[0-9]{4}-[0-9]{2}-[0-9]{2}$') AND regexp_like(element_at(f, 'time'), '^[0-9]{2}:[0-9]{2}:[0-9]{2}$') THEN CAST(try(to_unixtime(from_iso8601_timestamp(element_at(f, 'date') || 'T' || element_at(f, 'time') || 'Z'))) AS bigint) * 1000 END AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce(status IN ('200', '206', '304'), false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND regexp_like(status, '^[0-9]{3}$') AND status <> '403' AND starts_with(thing, '/') AND NOT (status IN ('200', '404') AND coalesce(element_at(f, 'x-edge-result-type'), '') = 'Error'), false) AS plain
  FROM told
), kinds AS (
  SELECT path, line, ms, IF(plain AND served AND inside, thing) AS thing,
    CASE WHEN plain THEN 'plain' WHEN false THEN 'header' ELSE 'line' END AS kind,
    CASE WHEN plain THEN scope WHEN false THEN text ELSE path END AS scope,
    CASE WHEN plain THEN status WHEN false THEN '' ELSE substr(line, 1, 1048577) END AS part,
    plain AND inside AS counted
  FROM sorted
)
SELECT kind, IF(kind = 'plain', min_by(path, ms), scope) AS path, IF(kind = 'line', IF(from_utf8(to_utf8(part)) = part, '=' || part, '~' || to_base64(to_utf8(part)))) AS text, coalesce(part, '') AS status, counted AS inside,
  count(*) AS n, IF(kind = 'plain', IF(from_utf8(to_utf8(min_by(line, ms))) = min_by(line, ms), '=' || min_by(line, ms), '~' || to_base64(to_utf8(min_by(line, ms))))) AS first_line, IF(kind = 'plain', IF(from_utf8(to_utf8(max_by(line, ms))) = max_by(line, ms), '=' || max_by(line, ms), '~' || to_base64(to_utf8(max_by(line, ms))))) AS last_line,
  IF(kind IS NULL, count(DISTINCT path)) AS objects,
  IF(kind IS NULL, approx_distinct(thing)) AS things,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 128000, 36))) AS parts1,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 1024000, 36))) AS parts2,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 8192000, 36))) AS parts3
FROM kinds
GROUP BY GROUPING SETS ((kind, scope, part, counted), ());

-- s3://logs/parquet/, served
WITH lines AS (
  SELECT "$path" AS path, json_format(CAST(map(ARRAY['date', 'time', 'x-edge-location', 'sc-bytes', 'c-ip', 'cs-method', 'cs(Host)', 'cs-uri-stem', 'sc-status', 'cs(Referer)', 'cs(User-Agent)', 'cs-uri-query', 'cs(Cookie)', 'x-edge-result-type', 'x-edge-request-id', 'x-host-header', 'cs-protocol', 'cs-bytes', 'time-taken', 'x-forwarded-for', 'ssl-protocol', 'ssl-cipher', 'x-edge-response-result-type', 'cs-protocol-version', 'fle-status', 'fle-encrypted-fields', 'c-port', 'time-to-first-byte', 'x-edge-detailed-result-type', 'sc-content-type', 'sc-content-len', 'sc-range-start', 'sc-range-end'], ARRAY["date", "time", "x_edge_location", "sc_bytes", "c_ip", "cs_method", "cs_host", "cs_uri_stem", "sc_status", "cs_referer", "cs_user_agent", "cs_uri_query", "cs_cookie", "x_edge_result_type", "x_edge_request_id", "x_host_header", "cs_protocol", "cs_bytes", "time_taken", "x_forwarded_for", "ssl_protocol", "ssl_cipher", "x_edge_response_result_type", "cs_protocol_version", "fle_status", "fle_encrypted_fields", "c_port", "time_to_first_byte", "x_edge_detailed_result_type", "sc_content_type", "sc_content_len", "sc_range_start", "sc_range_end"]) AS json)) AS line
  FROM "why403"."cloudfront_parquet"
  WHERE "year" IN ('2026')
    AND "month" IN ('11')
    AND "day" IN ('19', '20')
    AND "hour" IN ('00', '01', '02', '03', '04', '05', '06', '07', '08', '09', '10', '11', '12', '13', '14', '15', '16', '17', '18', '19', '20', '21', '22', '23')
    AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" > '2026-11-19-22' AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" <= '2026-11-21-23'
    AND coalesce(regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) > '2026-11-19-22' AND regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1) <= '2026-11-20-23', true)
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, try(CAST(json_parse(text) AS map(varchar, varchar))) AS f FROM texts
), told AS (
  SELECT path, line, text, f, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 'cs(Host)'), '') AS scope, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 'cs(Host)'), '') AS place,
    element_at(f, 'cs-uri-stem') AS thing,
    element_at(f, 'sc-status') AS status,
    CASE WHEN regexp_like(element_at(f, 'date'), '^[0-9]{4}-[0-9]{2}-[0-9]{2}$') AND regexp_like(element_at(f, 'time'), '^[0-9]{2}:[0-9]{2}:[0-9]{2}$') THEN CAST(try(to_unixtime(from_iso8601_timestamp(element_at(f, 'date') || 'T' || element_at(f, 'time') || 'Z'))) AS bigint) * 1000 END AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce(status IN ('200', '206', '304'), false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND regexp_like(status, '^[0-9]{3}$') AND status <> '403' AND starts_with(thing, '/') AND NOT (status IN ('200', '404') AND coalesce(element_at(f, 'x-edge-result-type'), '') = 'Error'), false) AS plain
  FROM told
), seconds AS (
  SELECT scope, place, thing, ms / 1000 AS second, bool_or(NOT plain) AS refused,
    min(IF(plain, path)) AS path, min_by(line, path) FILTER (WHERE plain) AS line
  FROM sorted
  WHERE thing IS NOT NULL AND (NOT plain OR served AND inside)
  GROUP BY 1, 2, 3, 4
), marked AS (
  SELECT path, line, thing, second, scope, bool_or(refused) OVER (PARTITION BY place, thing) AS refused FROM seconds
), chosen AS (
  SELECT path, line, refused OR (lag(second) OVER (PARTITION BY scope, thing ORDER BY second) IS NULL OR lead(second) OVER (PARTITION BY scope, thing ORDER BY second) IS NULL OR lag(second / 128) OVER (PARTITION BY scope, thing ORDER BY second) < second / 128) AS wanted
  FROM marked
  WHERE line IS NOT NULL
)
SELECT path, IF(from_utf8(to_utf8(line)) = line, '=' || line, '~' || to_base64(to_utf8(line))) AS text FROM chosen WHERE wanted;

-- s3://logs/firehose/, lines
WITH lines AS (
  SELECT "$path" AS path, coalesce(line, '\N') AS line
  FROM "why403"."cloudfront_realtime_lines"
  WHERE "year" IN ('2026')
    AND "month" IN ('11')
    AND "day" IN ('19', '20', '21')
    AND "hour" IN ('00', '01', '02', '03', '04', '05', '06', '07', '08', '09', '10', '11', '12', '13', '14', '15', '16', '17', '18', '19', '20', '21', '22', '23')
    AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" > '2026-11-19-22' AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" <= '2026-11-21-23'
    AND coalesce(regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?:\.[^/.]*)*$', 1) > '2026-11-19-23-00-00' AND regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?:\.[^/.]*)*$', 1) <= '2026-11-21-00-59-59', true)
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, split(text, chr(9)) AS f FROM texts
), told AS (
  SELECT path, line, text, f, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 7), '') AS scope, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 7), '') AS place,
    split_part(element_at(f, 6), '?', 1) AS thing,
    element_at(f, 3) AS status,
    CASE WHEN regexp_like(element_at(f, 1), '^[0-9]{1,12}(\.[0-9]{1,6})?$') THEN CAST(floor(CAST(element_at(f, 1) AS double) * 1000) AS bigint) END AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce(status IN ('200', '206', '304'), false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND regexp_like(status, '^[0-9]{3}$') AND status <> '403' AND starts_with(thing, '/') AND cardinality(f) = 8 AND NOT (status IN ('200', '404') AND '' = 'Error'), false) AS plain
  FROM told
), kinds AS (
  SELECT path, line, ms, IF(plain AND served AND inside, thing) AS thing,
    CASE WHEN plain THEN 'plain' WHEN false THEN 'header' ELSE 'line' END AS kind,
    CASE WHEN plain THEN scope WHEN false THEN text ELSE path END AS scope,
    CASE WHEN plain THEN status WHEN false THEN '' ELSE substr(line, 1, 1048577) END AS part,
    plain AND inside AS counted
  FROM sorted
)
SELECT kind, IF(kind = 'plain', min_by(path, ms), scope) AS path, IF(kind = 'line', IF(from_utf8(to_utf8(part)) = part, '=' || part, '~' || to_base64(to_utf8(part)))) AS text, coalesce(part, '') AS status, counted AS inside,
  count(*) AS n, IF(kind = 'plain', IF(from_utf8(to_utf8(min_by(line, ms))) = min_by(line, ms), '=' || min_by(line, ms), '~' || to_base64(to_utf8(min_by(line, ms))))) AS first_line, IF(kind = 'plain', IF(from_utf8(to_utf8(max_by(line, ms))) = max_by(line, ms), '=' || max_by(line, ms), '~' || to_base64(to_utf8(max_by(line, ms))))) AS last_line,
  IF(kind IS NULL, count(DISTINCT path)) AS objects,
  IF(kind IS NULL, approx_distinct(thing)) AS things,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 128000, 36))) AS parts1,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 1024000, 36))) AS parts2,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 8192000, 36))) AS parts3
FROM kinds
GROUP BY GROUPING SETS ((kind, scope, part, counted), ());

-- s3://logs/firehose/, served
WITH lines AS (
  SELECT "$path" AS path, coalesce(line, '\N') AS line
  FROM "why403"."cloudfront_realtime_lines"
  WHERE "year" IN ('2026')
    AND "month" IN ('11')
    AND "day" IN ('19', '20', '21')
    AND "hour" IN ('00', '01', '02', '03', '04', '05', '06', '07', '08', '09', '10', '11', '12', '13', '14', '15', '16', '17', '18', '19', '20', '21', '22', '23')
    AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" > '2026-11-19-22' AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" <= '2026-11-21-23'
    AND coalesce(regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?:\.[^/.]*)*$', 1) > '2026-11-19-23-00-00' AND regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?:\.[^/.]*)*$', 1) <= '2026-11-21-00-59-59', true)
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, split(text, chr(9)) AS f FROM texts
), told AS (
  SELECT path, line, text, f, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 7), '') AS scope, coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path) || '|' || coalesce(element_at(f, 7), '') AS place,
    split_part(element_at(f, 6), '?', 1) AS thing,
    element_at(f, 3) AS status,
    CASE WHEN regexp_like(element_at(f, 1), '^[0-9]{1,12}(\.[0-9]{1,6})?$') THEN CAST(floor(CAST(element_at(f, 1) AS double) * 1000) AS bigint) END AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce(status IN ('200', '206', '304'), false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND regexp_like(status, '^[0-9]{3}$') AND status <> '403' AND starts_with(thing, '/') AND cardinality(f) = 8 AND NOT (status IN ('200', '404') AND '' = 'Error'), false) AS plain
  FROM told
), seconds AS (
  SELECT scope, place, thing, ms / 1000 AS second, bool_or(NOT plain) AS refused,
    min(IF(plain, path)) AS path, min_by(line, path) FILTER (WHERE plain) AS line
  FROM sorted
  WHERE thing IS NOT NULL AND (NOT plain OR served AND inside)
  GROUP BY 1, 2, 3, 4
), marked AS (
  SELECT path, line, thing, second, scope, bool_or(refused) OVER (PARTITION BY place, thing) AS refused FROM seconds
), chosen AS (
  SELECT path, line, refused OR (lag(second) OVER (PARTITION BY scope, thing ORDER BY second) IS NULL OR lead(second) OVER (PARTITION BY scope, thing ORDER BY second) IS NULL OR lag(second / 128) OVER (PARTITION BY scope, thing ORDER BY second) < second / 128) AS wanted
  FROM marked
  WHERE line IS NOT NULL
)
SELECT path, IF(from_utf8(to_utf8(line)) = line, '=' || line, '~' || to_base64(to_utf8(line))) AS text FROM chosen WHERE wanted;

-- s3://logs/s3/access- and 1 more, lines
WITH lines AS (
  SELECT "$path" AS path, coalesce(line, '\N') AS line
  FROM "why403"."s3_access_lines"
  WHERE starts_with("$path", 's3://logs/s3/access-')
    AND coalesce(CASE WHEN replace(regexp_extract("$path", '/([0-9]{4}/[0-9]{2}/[0-9]{2})/[^/]*$', 1), '/', '-') = regexp_extract("$path", '/([0-9]{4}-[0-9]{2}-[0-9]{2})-00-00-00-[0-9A-Z]+$', 1) THEN regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Z]{8,}$', 1) > '2026-11-19-00-00-00' AND regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Z]{8,}$', 1) <= '2026-11-20-23-59-59' ELSE regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Z]{8,}$', 1) > '2026-11-19-23-59-59' AND regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Z]{8,}$', 1) <= '2026-11-21-23-59-59' END, true)
  UNION ALL
  SELECT "$path" AS path, coalesce(line, '\N') AS line
  FROM "why403"."s3_access_by_day_lines"
  WHERE "year" IN ('2026')
    AND "month" IN ('11')
    AND "day" IN ('19', '20', '21')
    AND "year" || '-' || "month" || '-' || "day" > '2026-11-18' AND "year" || '-' || "month" || '-' || "day" <= '2026-11-21'
    AND coalesce(CASE WHEN replace(regexp_extract("$path", '/([0-9]{4}/[0-9]{2}/[0-9]{2})/[^/]*$', 1), '/', '-') = regexp_extract("$path", '/([0-9]{4}-[0-9]{2}-[0-9]{2})-00-00-00-[0-9A-Z]+$', 1) THEN regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Z]{8,}$', 1) > '2026-11-19-00-00-00' AND regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Z]{8,}$', 1) <= '2026-11-20-23-59-59' ELSE regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Z]{8,}$', 1) > '2026-11-19-23-59-59' AND regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Z]{8,}$', 1) <= '2026-11-21-23-59-59' END, true)
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, split(regexp_replace(regexp_replace(text, '^[^ ]+ ([^ ]+) \[([0-9]{2}/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2}) \+0000\] [^ ]+ (arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity [0-9A-Z]+|[^ ]+) [^ ]+ ([A-Z0-9]{2,}\.[A-Z0-9._]+) ([^ ]+) (?:-|"-"|"[A-Z]+ [^ "]* HTTP/[0-9]\.[0-9]") ([0-9]{3}|-) (?:-|[A-Za-z0-9.]+) (?:-|[0-9]{1,18}) (?:-|[0-9]{1,18}) (?:-|[0-9]{1,18}) (?:-|[0-9]{1,18}) [^\n]*$', chr(1) || '$1' || chr(1) || '$2' || chr(1) || '$3' || chr(1) || '$4' || chr(1) || '$5' || chr(1) || '$6' || chr(1)), '^[^ ]+ ([^ ]+) \[([0-9]{2}/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2}) \+0000\] [^ ]+ (arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity [0-9A-Z]+|[^ ]+) [^ ]+ ([A-Z0-9]{2,}\.[A-Z0-9._]+) ([^ ]+) [^\n]*$', chr(1) || '$1' || chr(1) || '$2' || chr(1) || '$3' || chr(1) || '$4' || chr(1) || '$5' || chr(1)), chr(1)) AS f FROM texts
), told AS (
  SELECT path, line, text, f, coalesce(element_at(f, 2), '') || CASE WHEN starts_with(coalesce(element_at(f, 4), '-'), 'svc:cloudfront') OR starts_with(coalesce(element_at(f, 4), '-'), 'arn:aws:iam::cloudfront:') THEN '|c' WHEN coalesce(element_at(f, 4), '-') = '-' THEN '|p' ELSE '|m' END || IF(strpos(text, '"Amazon CloudFront"') > 0, 'a', '') || IF(regexp_like(text, ' Yes( [^ ]+)?\r*$'), 'y', '') || IF(element_at(f, 5) IN ('REST.DELETE.OBJECT', 'BATCH.DELETE.OBJECT', 'S3.EXPIRE.OBJECT', 'S3.CREATE.DELETEMARKER'), 'x', '') AS scope, coalesce(element_at(f, 2), '') AS place,
    element_at(f, 6) AS thing,
    coalesce(element_at(f, 7), '') AS status,
    CAST(to_unixtime(try(date_parse(element_at(f, 3), '%d/%b/%Y:%H:%i:%s'))) AS bigint) * 1000 AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce((status IN ('200', '206', '304') AND regexp_like(element_at(f, 5), '\.(GET|HEAD)\.OBJECT$') OR status IN ('204', '-') AND element_at(f, 5) IN ('REST.DELETE.OBJECT', 'BATCH.DELETE.OBJECT', 'S3.EXPIRE.OBJECT', 'S3.CREATE.DELETEMARKER')), false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND cardinality(f) = 8 AND status <> '403' AND strpos(text, 'why403/') = 0, false) AS plain
  FROM told
), kinds AS (
  SELECT path, line, ms, IF(plain AND served AND inside, thing) AS thing,
    CASE WHEN plain THEN 'plain' WHEN false THEN 'header' ELSE 'line' END AS kind,
    CASE WHEN plain THEN scope WHEN false THEN text ELSE path END AS scope,
    CASE WHEN plain THEN status WHEN false THEN '' ELSE substr(line, 1, 1048577) END AS part,
    plain AND inside AS counted
  FROM sorted
)
SELECT kind, IF(kind = 'plain', min_by(path, ms), scope) AS path, IF(kind = 'line', IF(from_utf8(to_utf8(part)) = part, '=' || part, '~' || to_base64(to_utf8(part)))) AS text, coalesce(part, '') AS status, counted AS inside,
  count(*) AS n, IF(kind = 'plain', IF(from_utf8(to_utf8(min_by(line, ms))) = min_by(line, ms), '=' || min_by(line, ms), '~' || to_base64(to_utf8(min_by(line, ms))))) AS first_line, IF(kind = 'plain', IF(from_utf8(to_utf8(max_by(line, ms))) = max_by(line, ms), '=' || max_by(line, ms), '~' || to_base64(to_utf8(max_by(line, ms))))) AS last_line,
  IF(kind IS NULL, count(DISTINCT path)) AS objects,
  IF(kind IS NULL, approx_distinct(thing)) AS things,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 128000, 36))) AS parts1,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 1024000, 36))) AS parts2,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 8192000, 36))) AS parts3
FROM kinds
GROUP BY GROUPING SETS ((kind, scope, part, counted), ());

-- s3://logs/s3/access- and 1 more, served
WITH lines AS (
  SELECT "$path" AS path, coalesce(line, '\N') AS line
  FROM "why403"."s3_access_lines"
  WHERE starts_with("$path", 's3://logs/s3/access-')
    AND coalesce(CASE WHEN replace(regexp_extract("$path", '/([0-9]{4}/[0-9]{2}/[0-9]{2})/[^/]*$', 1), '/', '-') = regexp_extract("$path", '/([0-9]{4}-[0-9]{2}-[0-9]{2})-00-00-00-[0-9A-Z]+$', 1) THEN regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Z]{8,}$', 1) > '2026-11-19-00-00-00' AND regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Z]{8,}$', 1) <= '2026-11-20-23-59-59' ELSE regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Z]{8,}$', 1) > '2026-11-19-23-59-59' AND regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Z]{8,}$', 1) <= '2026-11-21-23-59-59' END, true)
  UNION ALL
  SELECT "$path" AS path, coalesce(line, '\N') AS line
  FROM "why403"."s3_access_by_day_lines"
  WHERE "year" IN ('2026')
    AND "month" IN ('11')
    AND "day" IN ('19', '20', '21')
    AND "year" || '-' || "month" || '-' || "day" > '2026-11-18' AND "year" || '-' || "month" || '-' || "day" <= '2026-11-21'
    AND coalesce(CASE WHEN replace(regexp_extract("$path", '/([0-9]{4}/[0-9]{2}/[0-9]{2})/[^/]*$', 1), '/', '-') = regexp_extract("$path", '/([0-9]{4}-[0-9]{2}-[0-9]{2})-00-00-00-[0-9A-Z]+$', 1) THEN regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Z]{8,}$', 1) > '2026-11-19-00-00-00' AND regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Z]{8,}$', 1) <= '2026-11-20-23-59-59' ELSE regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Z]{8,}$', 1) > '2026-11-19-23-59-59' AND regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Z]{8,}$', 1) <= '2026-11-21-23-59-59' END, true)
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, split(regexp_replace(regexp_replace(text, '^[^ ]+ ([^ ]+) \[([0-9]{2}/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2}) \+0000\] [^ ]+ (arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity [0-9A-Z]+|[^ ]+) [^ ]+ ([A-Z0-9]{2,}\.[A-Z0-9._]+) ([^ ]+) (?:-|"-"|"[A-Z]+ [^ "]* HTTP/[0-9]\.[0-9]") ([0-9]{3}|-) (?:-|[A-Za-z0-9.]+) (?:-|[0-9]{1,18}) (?:-|[0-9]{1,18}) (?:-|[0-9]{1,18}) (?:-|[0-9]{1,18}) [^\n]*$', chr(1) || '$1' || chr(1) || '$2' || chr(1) || '$3' || chr(1) || '$4' || chr(1) || '$5' || chr(1) || '$6' || chr(1)), '^[^ ]+ ([^ ]+) \[([0-9]{2}/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2}) \+0000\] [^ ]+ (arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity [0-9A-Z]+|[^ ]+) [^ ]+ ([A-Z0-9]{2,}\.[A-Z0-9._]+) ([^ ]+) [^\n]*$', chr(1) || '$1' || chr(1) || '$2' || chr(1) || '$3' || chr(1) || '$4' || chr(1) || '$5' || chr(1)), chr(1)) AS f FROM texts
), told AS (
  SELECT path, line, text, f, coalesce(element_at(f, 2), '') || CASE WHEN starts_with(coalesce(element_at(f, 4), '-'), 'svc:cloudfront') OR starts_with(coalesce(element_at(f, 4), '-'), 'arn:aws:iam::cloudfront:') THEN '|c' WHEN coalesce(element_at(f, 4), '-') = '-' THEN '|p' ELSE '|m' END || IF(strpos(text, '"Amazon CloudFront"') > 0, 'a', '') || IF(regexp_like(text, ' Yes( [^ ]+)?\r*$'), 'y', '') || IF(element_at(f, 5) IN ('REST.DELETE.OBJECT', 'BATCH.DELETE.OBJECT', 'S3.EXPIRE.OBJECT', 'S3.CREATE.DELETEMARKER'), 'x', '') AS scope, coalesce(element_at(f, 2), '') AS place,
    element_at(f, 6) AS thing,
    coalesce(element_at(f, 7), '') AS status,
    CAST(to_unixtime(try(date_parse(element_at(f, 3), '%d/%b/%Y:%H:%i:%s'))) AS bigint) * 1000 AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce((status IN ('200', '206', '304') AND regexp_like(element_at(f, 5), '\.(GET|HEAD)\.OBJECT$') OR status IN ('204', '-') AND element_at(f, 5) IN ('REST.DELETE.OBJECT', 'BATCH.DELETE.OBJECT', 'S3.EXPIRE.OBJECT', 'S3.CREATE.DELETEMARKER')), false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND cardinality(f) = 8 AND status <> '403' AND strpos(text, 'why403/') = 0, false) AS plain
  FROM told
), seconds AS (
  SELECT scope, place, thing, ms / 1000 AS second, bool_or(NOT plain) AS refused,
    min(IF(plain, path)) AS path, min_by(line, path) FILTER (WHERE plain) AS line
  FROM sorted
  WHERE thing IS NOT NULL AND (NOT plain OR served AND inside)
  GROUP BY 1, 2, 3, 4
), marked AS (
  SELECT path, line, thing, second, scope, bool_or(refused) OVER (PARTITION BY place, thing) AS refused FROM seconds
), chosen AS (
  SELECT path, line, refused OR (lag(second) OVER (PARTITION BY scope, thing ORDER BY second) IS NULL OR lead(second) OVER (PARTITION BY scope, thing ORDER BY second) IS NULL OR lag(second / 128) OVER (PARTITION BY scope, thing ORDER BY second) < second / 128) AS wanted
  FROM marked
  WHERE line IS NOT NULL
)
SELECT path, IF(from_utf8(to_utf8(line)) = line, '=' || line, '~' || to_base64(to_utf8(line))) AS text FROM chosen WHERE wanted;

-- s3://logs/vended/, lines
WITH lines AS (
  SELECT "$path" AS path, coalesce(line, '\N') AS line
  FROM "why403"."s3_access_json_lines"
  WHERE "year" IN ('2026')
    AND "month" IN ('11')
    AND "day" IN ('19', '20', '21')
    AND "hour" IN ('00', '01', '02', '03', '04', '05', '06', '07', '08', '09', '10', '11', '12', '13', '14', '15', '16', '17', '18', '19', '20', '21', '22', '23')
    AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" > '2026-11-19-22' AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" <= '2026-11-21-23'
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, try(CAST(json_parse(text) AS map(varchar, varchar))) AS f FROM texts
), told AS (
  SELECT path, line, text, f, coalesce(element_at(f, 'bucket_name'), '') || CASE WHEN starts_with(coalesce(element_at(f, 'requester'), '-'), 'svc:cloudfront') OR starts_with(coalesce(element_at(f, 'requester'), '-'), 'arn:aws:iam::cloudfront:') THEN '|c' WHEN coalesce(element_at(f, 'requester'), '-') = '-' THEN '|p' ELSE '|m' END || IF(strpos(text, '"Amazon CloudFront"') > 0, 'a', '') || IF(element_at(f, 'acl_required') = 'Yes', 'y', '') || IF(element_at(f, 'operation') IN ('REST.DELETE.OBJECT', 'BATCH.DELETE.OBJECT', 'S3.EXPIRE.OBJECT', 'S3.CREATE.DELETEMARKER'), 'x', '') AS scope, coalesce(element_at(f, 'bucket_name'), '') AS place,
    element_at(f, 'key_name') AS thing,
    coalesce(element_at(f, 'http_status'), '-') AS status,
    CASE WHEN regexp_like(element_at(f, 'request_time'), '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$') THEN CAST(floor(try(to_unixtime(from_iso8601_timestamp(element_at(f, 'request_time')))) * 1000) AS bigint) END AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce((status IN ('200', '206', '304') AND regexp_like(element_at(f, 'operation'), '\.(GET|HEAD)\.OBJECT$') OR status IN ('204', '-') AND element_at(f, 'operation') IN ('REST.DELETE.OBJECT', 'BATCH.DELETE.OBJECT', 'S3.EXPIRE.OBJECT', 'S3.CREATE.DELETEMARKER')), false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND regexp_like(status, '^([0-9]{3}|-)$') AND status <> '403' AND element_at(f, 'bucket_name') NOT IN ('', '-') AND element_at(f, 'operation') NOT IN ('', '-') AND strpos(text, 'why403/') = 0, false) AS plain
  FROM told
), kinds AS (
  SELECT path, line, ms, IF(plain AND served AND inside, thing) AS thing,
    CASE WHEN plain THEN 'plain' WHEN false THEN 'header' ELSE 'line' END AS kind,
    CASE WHEN plain THEN scope WHEN false THEN text ELSE path END AS scope,
    CASE WHEN plain THEN status WHEN false THEN '' ELSE substr(line, 1, 1048577) END AS part,
    plain AND inside AS counted
  FROM sorted
)
SELECT kind, IF(kind = 'plain', min_by(path, ms), scope) AS path, IF(kind = 'line', IF(from_utf8(to_utf8(part)) = part, '=' || part, '~' || to_base64(to_utf8(part)))) AS text, coalesce(part, '') AS status, counted AS inside,
  count(*) AS n, IF(kind = 'plain', IF(from_utf8(to_utf8(min_by(line, ms))) = min_by(line, ms), '=' || min_by(line, ms), '~' || to_base64(to_utf8(min_by(line, ms))))) AS first_line, IF(kind = 'plain', IF(from_utf8(to_utf8(max_by(line, ms))) = max_by(line, ms), '=' || max_by(line, ms), '~' || to_base64(to_utf8(max_by(line, ms))))) AS last_line,
  IF(kind IS NULL, count(DISTINCT path)) AS objects,
  IF(kind IS NULL, approx_distinct(thing)) AS things,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 128000, 36))) AS parts1,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 1024000, 36))) AS parts2,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 8192000, 36))) AS parts3
FROM kinds
GROUP BY GROUPING SETS ((kind, scope, part, counted), ());

-- s3://logs/vended/, served
WITH lines AS (
  SELECT "$path" AS path, coalesce(line, '\N') AS line
  FROM "why403"."s3_access_json_lines"
  WHERE "year" IN ('2026')
    AND "month" IN ('11')
    AND "day" IN ('19', '20', '21')
    AND "hour" IN ('00', '01', '02', '03', '04', '05', '06', '07', '08', '09', '10', '11', '12', '13', '14', '15', '16', '17', '18', '19', '20', '21', '22', '23')
    AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" > '2026-11-19-22' AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" <= '2026-11-21-23'
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, try(CAST(json_parse(text) AS map(varchar, varchar))) AS f FROM texts
), told AS (
  SELECT path, line, text, f, coalesce(element_at(f, 'bucket_name'), '') || CASE WHEN starts_with(coalesce(element_at(f, 'requester'), '-'), 'svc:cloudfront') OR starts_with(coalesce(element_at(f, 'requester'), '-'), 'arn:aws:iam::cloudfront:') THEN '|c' WHEN coalesce(element_at(f, 'requester'), '-') = '-' THEN '|p' ELSE '|m' END || IF(strpos(text, '"Amazon CloudFront"') > 0, 'a', '') || IF(element_at(f, 'acl_required') = 'Yes', 'y', '') || IF(element_at(f, 'operation') IN ('REST.DELETE.OBJECT', 'BATCH.DELETE.OBJECT', 'S3.EXPIRE.OBJECT', 'S3.CREATE.DELETEMARKER'), 'x', '') AS scope, coalesce(element_at(f, 'bucket_name'), '') AS place,
    element_at(f, 'key_name') AS thing,
    coalesce(element_at(f, 'http_status'), '-') AS status,
    CASE WHEN regexp_like(element_at(f, 'request_time'), '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$') THEN CAST(floor(try(to_unixtime(from_iso8601_timestamp(element_at(f, 'request_time')))) * 1000) AS bigint) END AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce((status IN ('200', '206', '304') AND regexp_like(element_at(f, 'operation'), '\.(GET|HEAD)\.OBJECT$') OR status IN ('204', '-') AND element_at(f, 'operation') IN ('REST.DELETE.OBJECT', 'BATCH.DELETE.OBJECT', 'S3.EXPIRE.OBJECT', 'S3.CREATE.DELETEMARKER')), false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND regexp_like(status, '^([0-9]{3}|-)$') AND status <> '403' AND element_at(f, 'bucket_name') NOT IN ('', '-') AND element_at(f, 'operation') NOT IN ('', '-') AND strpos(text, 'why403/') = 0, false) AS plain
  FROM told
), seconds AS (
  SELECT scope, place, thing, ms / 1000 AS second, bool_or(NOT plain) AS refused,
    min(IF(plain, path)) AS path, min_by(line, path) FILTER (WHERE plain) AS line
  FROM sorted
  WHERE thing IS NOT NULL AND (NOT plain OR served AND inside)
  GROUP BY 1, 2, 3, 4
), marked AS (
  SELECT path, line, thing, second, scope, bool_or(refused) OVER (PARTITION BY place, thing) AS refused FROM seconds
), chosen AS (
  SELECT path, line, refused OR (lag(second) OVER (PARTITION BY scope, thing ORDER BY second) IS NULL OR lead(second) OVER (PARTITION BY scope, thing ORDER BY second) IS NULL OR lag(second / 128) OVER (PARTITION BY scope, thing ORDER BY second) < second / 128) AS wanted
  FROM marked
  WHERE line IS NOT NULL
)
SELECT path, IF(from_utf8(to_utf8(line)) = line, '=' || line, '~' || to_base64(to_utf8(line))) AS text FROM chosen WHERE wanted;

-- s3://logs/vended-parquet/, lines
WITH lines AS (
  SELECT "$path" AS path, json_format(CAST(map(ARRAY['bucket_name', 'request_time', 'requester', 'operation', 'key_name', 'request_uri', 'http_status'], ARRAY["bucket_name", "request_time", "requester", "operation", "key_name", "request_uri", CAST("http_status" AS varchar)]) AS json)) AS line
  FROM "why403"."s3_access_parquet"
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, try(CAST(json_parse(text) AS map(varchar, varchar))) AS f FROM texts
), told AS (
  SELECT path, line, text, f, coalesce(element_at(f, 'bucket_name'), '') || CASE WHEN starts_with(coalesce(element_at(f, 'requester'), '-'), 'svc:cloudfront') OR starts_with(coalesce(element_at(f, 'requester'), '-'), 'arn:aws:iam::cloudfront:') THEN '|c' WHEN coalesce(element_at(f, 'requester'), '-') = '-' THEN '|p' ELSE '|m' END || IF(strpos(text, '"Amazon CloudFront"') > 0, 'a', '') || IF(CAST(NULL AS varchar) = 'Yes', 'y', '') || IF(element_at(f, 'operation') IN ('REST.DELETE.OBJECT', 'BATCH.DELETE.OBJECT', 'S3.EXPIRE.OBJECT', 'S3.CREATE.DELETEMARKER'), 'x', '') AS scope, coalesce(element_at(f, 'bucket_name'), '') AS place,
    element_at(f, 'key_name') AS thing,
    coalesce(element_at(f, 'http_status'), '-') AS status,
    CASE WHEN regexp_like(element_at(f, 'request_time'), '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$') THEN CAST(floor(try(to_unixtime(from_iso8601_timestamp(element_at(f, 'request_time')))) * 1000) AS bigint) END AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce((status IN ('200', '206', '304') AND regexp_like(element_at(f, 'operation'), '\.(GET|HEAD)\.OBJECT$') OR status IN ('204', '-') AND element_at(f, 'operation') IN ('REST.DELETE.OBJECT', 'BATCH.DELETE.OBJECT', 'S3.EXPIRE.OBJECT', 'S3.CREATE.DELETEMARKER')), false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND regexp_like(status, '^([0-9]{3}|-)$') AND status <> '403' AND element_at(f, 'bucket_name') NOT IN ('', '-') AND element_at(f, 'operation') NOT IN ('', '-') AND strpos(text, 'why403/') = 0, false) AS plain
  FROM told
), kinds AS (
  SELECT path, line, ms, IF(plain AND served AND inside, thing) AS thing,
    CASE WHEN plain THEN 'plain' WHEN false THEN 'header' ELSE 'line' END AS kind,
    CASE WHEN plain THEN scope WHEN false THEN text ELSE path END AS scope,
    CASE WHEN plain THEN status WHEN false THEN '' ELSE substr(line, 1, 1048577) END AS part,
    plain AND inside AS counted
  FROM sorted
)
SELECT kind, IF(kind = 'plain', min_by(path, ms), scope) AS path, IF(kind = 'line', IF(from_utf8(to_utf8(part)) = part, '=' || part, '~' || to_base64(to_utf8(part)))) AS text, coalesce(part, '') AS status, counted AS inside,
  count(*) AS n, IF(kind = 'plain', IF(from_utf8(to_utf8(min_by(line, ms))) = min_by(line, ms), '=' || min_by(line, ms), '~' || to_base64(to_utf8(min_by(line, ms))))) AS first_line, IF(kind = 'plain', IF(from_utf8(to_utf8(max_by(line, ms))) = max_by(line, ms), '=' || max_by(line, ms), '~' || to_base64(to_utf8(max_by(line, ms))))) AS last_line,
  IF(kind IS NULL, count(DISTINCT path)) AS objects,
  IF(kind IS NULL, approx_distinct(thing)) AS things,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 128000, 36))) AS parts1,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 1024000, 36))) AS parts2,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 8192000, 36))) AS parts3
FROM kinds
GROUP BY GROUPING SETS ((kind, scope, part, counted), ());

-- s3://logs/vended-parquet/, served
WITH lines AS (
  SELECT "$path" AS path, json_format(CAST(map(ARRAY['bucket_name', 'request_time', 'requester', 'operation', 'key_name', 'request_uri', 'http_status'], ARRAY["bucket_name", "request_time", "requester", "operation", "key_name", "request_uri", CAST("http_status" AS varchar)]) AS json)) AS line
  FROM "why403"."s3_access_parquet"
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, try(CAST(json_parse(text) AS map(varchar, varchar))) AS f FROM texts
), told AS (
  SELECT path, line, text, f, coalesce(element_at(f, 'bucket_name'), '') || CASE WHEN starts_with(coalesce(element_at(f, 'requester'), '-'), 'svc:cloudfront') OR starts_with(coalesce(element_at(f, 'requester'), '-'), 'arn:aws:iam::cloudfront:') THEN '|c' WHEN coalesce(element_at(f, 'requester'), '-') = '-' THEN '|p' ELSE '|m' END || IF(strpos(text, '"Amazon CloudFront"') > 0, 'a', '') || IF(CAST(NULL AS varchar) = 'Yes', 'y', '') || IF(element_at(f, 'operation') IN ('REST.DELETE.OBJECT', 'BATCH.DELETE.OBJECT', 'S3.EXPIRE.OBJECT', 'S3.CREATE.DELETEMARKER'), 'x', '') AS scope, coalesce(element_at(f, 'bucket_name'), '') AS place,
    element_at(f, 'key_name') AS thing,
    coalesce(element_at(f, 'http_status'), '-') AS status,
    CASE WHEN regexp_like(element_at(f, 'request_time'), '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$') THEN CAST(floor(try(to_unixtime(from_iso8601_timestamp(element_at(f, 'request_time')))) * 1000) AS bigint) END AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce((status IN ('200', '206', '304') AND regexp_like(element_at(f, 'operation'), '\.(GET|HEAD)\.OBJECT$') OR status IN ('204', '-') AND element_at(f, 'operation') IN ('REST.DELETE.OBJECT', 'BATCH.DELETE.OBJECT', 'S3.EXPIRE.OBJECT', 'S3.CREATE.DELETEMARKER')), false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND regexp_like(status, '^([0-9]{3}|-)$') AND status <> '403' AND element_at(f, 'bucket_name') NOT IN ('', '-') AND element_at(f, 'operation') NOT IN ('', '-') AND strpos(text, 'why403/') = 0, false) AS plain
  FROM told
), seconds AS (
  SELECT scope, place, thing, ms / 1000 AS second, bool_or(NOT plain) AS refused,
    min(IF(plain, path)) AS path, min_by(line, path) FILTER (WHERE plain) AS line
  FROM sorted
  WHERE thing IS NOT NULL AND (NOT plain OR served AND inside)
  GROUP BY 1, 2, 3, 4
), marked AS (
  SELECT path, line, thing, second, scope, bool_or(refused) OVER (PARTITION BY place, thing) AS refused FROM seconds
), chosen AS (
  SELECT path, line, refused OR (lag(second) OVER (PARTITION BY scope, thing ORDER BY second) IS NULL OR lead(second) OVER (PARTITION BY scope, thing ORDER BY second) IS NULL OR lag(second / 128) OVER (PARTITION BY scope, thing ORDER BY second) < second / 128) AS wanted
  FROM marked
  WHERE line IS NOT NULL
)
SELECT path, IF(from_utf8(to_utf8(line)) = line, '=' || line, '~' || to_base64(to_utf8(line))) AS text FROM chosen WHERE wanted;

-- s3://aws-waf-logs-example/AWSLogs/111122223333/WAFLogs/cloudfront/acl/, lines
WITH lines AS (
  SELECT "$path" AS path, coalesce(line, '\N') AS line
  FROM "why403"."waf_lines"
  WHERE "year" IN ('2026')
    AND "month" IN ('11')
    AND "day" IN ('19', '20', '21')
    AND "hour" IN ('00', '01', '02', '03', '04', '05', '06', '07', '08', '09', '10', '11', '12', '13', '14', '15', '16', '17', '18', '19', '20', '21', '22', '23')
    AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" > '2026-11-19-22' AND "year" || '-' || "month" || '-' || "day" || '-' || "hour" <= '2026-11-21-23'
    AND coalesce(regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?:\.[^/.]*)*$', 1) > '2026-11-19-23-00-00' AND regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?:\.[^/.]*)*$', 1) <= '2026-11-21-00-59-59', regexp_extract("$path", '_waflogs_[^/]*([0-9]{8}T[0-9]{4}Z)_[^/_]*$', 1) > '20261119T2255Z' AND regexp_extract("$path", '_waflogs_[^/]*([0-9]{8}T[0-9]{4}Z)_[^/_]*$', 1) <= '20261121T0059Z', true)
), texts AS (
  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines
), parts AS (
  SELECT path, line, text, text AS f FROM texts
), told AS (
  SELECT path, line, text, f, 'waf' AS scope, 'waf' AS place,
    CAST(NULL AS varchar) AS thing,
    '-' AS status,
    CASE WHEN regexp_like(json_extract_scalar(f, '$.timestamp'), '^[0-9]{1,15}$') THEN CAST(json_extract_scalar(f, '$.timestamp') AS bigint) * 1 END AS ms
  FROM parts
), sorted AS (
  SELECT path, line, text, scope, place, thing, status, ms, coalesce(ms >= 1795132800000 AND ms < 1795219200000, false) AS inside,
    coalesce(false, false) AS served,
    coalesce(ms IS NOT NULL AND length(line) <= 262144 AND json_extract_scalar(f, '$.action') = 'ALLOW' AND strpos(f, '}{') = 0, false) AS plain
  FROM told
), kinds AS (
  SELECT path, line, ms, IF(plain AND served AND inside, thing) AS thing,
    CASE WHEN plain THEN 'plain' WHEN false THEN 'header' ELSE 'line' END AS kind,
    CASE WHEN plain THEN scope WHEN false THEN text ELSE path END AS scope,
    CASE WHEN plain THEN status WHEN false THEN '' ELSE substr(line, 1, 1048577) END AS part,
    plain AND inside AS counted
  FROM sorted
)
SELECT kind, IF(kind = 'plain', min_by(path, ms), scope) AS path, IF(kind = 'line', IF(from_utf8(to_utf8(part)) = part, '=' || part, '~' || to_base64(to_utf8(part)))) AS text, coalesce(part, '') AS status, counted AS inside,
  count(*) AS n, IF(kind = 'plain', IF(from_utf8(to_utf8(min_by(line, ms))) = min_by(line, ms), '=' || min_by(line, ms), '~' || to_base64(to_utf8(min_by(line, ms))))) AS first_line, IF(kind = 'plain', IF(from_utf8(to_utf8(max_by(line, ms))) = max_by(line, ms), '=' || max_by(line, ms), '~' || to_base64(to_utf8(max_by(line, ms))))) AS last_line,
  IF(kind IS NULL, count(DISTINCT path)) AS objects,
  IF(kind IS NULL, approx_distinct(thing)) AS things,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 128000, 36))) AS parts1,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 1024000, 36))) AS parts2,
  IF(kind IS NULL, approx_distinct(thing || to_base(ms / 8192000, 36))) AS parts3
FROM kinds
GROUP BY GROUPING SETS ((kind, scope, part, counted), ());

