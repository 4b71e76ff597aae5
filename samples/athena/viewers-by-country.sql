-- Where the viewers of 403s are. All of one country, or of all but one, hints at
-- a geo restriction or a web ACL. Needs logs of v2 with the field c-country.
SELECT c_country, count(*) AS requests, count_if(sc_status = '403') AS refused,
  count_if(x_edge_detailed_result_type = 'ClientGeoBlocked') AS refused_by_geo_restriction,
  approx_distinct(IF(sc_status = '403', c_ip)) AS refused_viewers,
  round(100.0 * count_if(sc_status = '403') / count(*), 2) AS percent
FROM why403.cloudfront_v2
WHERE regexp_like(sc_status, '^[0-9]{3}$') AND year = '2026' AND month = '11' AND day IN ('20', '21')
GROUP BY 1
HAVING count_if(sc_status = '403') > 0
ORDER BY refused DESC, c_country;
