-- For each key that S3 refused: when it was served last before that, and first
-- again since. A key that was served before was there, and readable: look for
-- what changed then. One that never was may never have existed.
WITH reads AS (
  SELECT bucket_name, key, httpstatus, date_parse(substr(requestdatetime, 1, 20), '%d/%b/%Y:%H:%i:%s') AS read_at
  FROM why403.s3_access
  WHERE regexp_like(operation, '\.(GET|HEAD)\.OBJECT$') AND httpstatus IN ('200', '206', '304', '403')
), refused AS (
  SELECT bucket_name, key, min(read_at) AS first_refused, max(read_at) AS last_refused, count(*) AS refusals
  FROM reads
  WHERE httpstatus = '403'
  GROUP BY 1, 2
)
SELECT f.bucket_name, f.key, f.refusals, f.first_refused, f.last_refused,
  max(IF(r.read_at < f.first_refused, r.read_at)) AS worked_until,
  min(IF(r.read_at > f.last_refused, r.read_at)) AS works_again_since,
  count_if(r.read_at BETWEEN f.first_refused AND f.last_refused) AS served_between
FROM refused f LEFT JOIN reads r ON r.bucket_name = f.bucket_name AND r.key = f.key AND r.httpstatus <> '403'
GROUP BY 1, 2, 3, 4, 5
ORDER BY f.refusals DESC, f.bucket_name, f.key
LIMIT 200;
