-- The S3 keys that are refused most. Keys are as logged: encoded twice.
SELECT bucket_name, key, operation, errorcode,
  CASE
    WHEN requester LIKE 'svc:cloudfront%' THEN 'CloudFront, origin access control'
    WHEN requester LIKE 'arn:aws:iam::cloudfront:%' THEN 'CloudFront, origin access identity'
    WHEN useragent = '"Amazon CloudFront"' THEN 'CloudFront, unsigned'
    WHEN requester = '-' THEN 'anyone, unsigned'
    ELSE 'signed by ' || requester
  END AS client,
  count(*) AS requests, approx_distinct(remoteip) AS addresses,
  min(date_parse(substr(requestdatetime, 1, 20), '%d/%b/%Y:%H:%i:%s')) AS first_seen,
  max(date_parse(substr(requestdatetime, 1, 20), '%d/%b/%Y:%H:%i:%s')) AS last_seen,
  max_by(requestid, to_iso8601(date_parse(substr(requestdatetime, 1, 20), '%d/%b/%Y:%H:%i:%s')) || requestid) AS a_request_id
FROM why403.s3_access
WHERE httpstatus = '403'
GROUP BY 1, 2, 3, 4, 5
ORDER BY requests DESC, bucket_name, key
LIMIT 100;
