CREATE DATABASE IF NOT EXISTS `why403`;

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`cloudfront_logs_cloudfront` (
  `date` string,
  `time` string,
  `x_edge_location` string,
  `sc_bytes` string,
  `c_ip` string,
  `cs_method` string,
  `cs_host` string,
  `cs_uri_stem` string,
  `sc_status` string,
  `cs_referer` string,
  `cs_user_agent` string,
  `cs_uri_query` string,
  `cs_cookie` string,
  `x_edge_result_type` string,
  `x_edge_request_id` string,
  `x_host_header` string,
  `cs_protocol` string,
  `cs_bytes` string,
  `time_taken` string,
  `x_forwarded_for` string,
  `ssl_protocol` string,
  `ssl_cipher` string,
  `x_edge_response_result_type` string,
  `cs_protocol_version` string,
  `fle_status` string,
  `fle_encrypted_fields` string,
  `c_port` string,
  `time_to_first_byte` string,
  `x_edge_detailed_result_type` string,
  `sc_content_type` string,
  `sc_content_len` string,
  `sc_range_start` string,
  `sc_range_end` string
)
COMMENT 'cloudfront-w3c logs; the rows of header lines have no sc_status'
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe'
WITH SERDEPROPERTIES (
  'field.delim' = '\t',
  'serialization.format' = '\t'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://logs/cloudfront/';

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`cloudfront_logs_cloudfront_lines` (
  `line` string
)
COMMENT 'whole lines of cloudfront-w3c logs, for why403 scan --engine athena'
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe'
WITH SERDEPROPERTIES (
  'field.delim' = '\n',
  'serialization.format' = '\n'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://logs/cloudfront/';

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`s3_access_logs_s3_minamo_app` (
  `bucketowner` string,
  `bucket_name` string,
  `requestdatetime` string,
  `remoteip` string,
  `requester` string,
  `requestid` string,
  `operation` string,
  `key` string,
  `request_uri` string,
  `httpstatus` string,
  `errorcode` string,
  `bytessent` string,
  `objectsize` string,
  `totaltime` string,
  `turnaroundtime` string,
  `referrer` string,
  `useragent` string,
  `versionid` string,
  `hostid` string,
  `sigv` string,
  `ciphersuite` string,
  `authtype` string,
  `endpoint` string,
  `tlsversion` string,
  `accesspointarn` string,
  `aclrequired` string,
  `sourceregion` string,
  `unparsed` string
)
COMMENT 's3-access logs; a line that is not understood is in unparsed, none is dropped'
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe'
WITH SERDEPROPERTIES (
  'input.regex' = '(?:([^ ]+) ([^ ]+) \\[([^\\]]+)\\] ([^ ]+) (.+?) ([^ ]+) ([A-Z0-9]+\\.[A-Z0-9._]+) ([^ ]+) (-|".*?") (-|[0-9]{3}) (-|[A-Za-z0-9.]+) (-|[0-9]+) (-|[0-9]+) (-|[0-9]+) (-|[0-9]+) (-|".*?") (-|".*"|"[^"]*) ([^ "]+)(?: ([^ ]+(?: [A-Za-z0-9+/]{40,}=*)?)(?: ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+)(?: ([^ ]+)(?: ([^ ]+)(?: ([^ ]+)(?: ([^ ]+).*)?)?)?)?)?)?|(.*))'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://logs/s3/minamo-app/';

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`s3_access_logs_s3_minamo_app_lines` (
  `line` string
)
COMMENT 'whole lines of s3-access logs, for why403 scan --engine athena'
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe'
WITH SERDEPROPERTIES (
  'field.delim' = '\n',
  'serialization.format' = '\n'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://logs/s3/minamo-app/';

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`s3_access_logs_s3_111122223333_ap_northeast_1_minamo_shop_media_yyyy_mm_dd` (
  `bucketowner` string,
  `bucket_name` string,
  `requestdatetime` string,
  `remoteip` string,
  `requester` string,
  `requestid` string,
  `operation` string,
  `key` string,
  `request_uri` string,
  `httpstatus` string,
  `errorcode` string,
  `bytessent` string,
  `objectsize` string,
  `totaltime` string,
  `turnaroundtime` string,
  `referrer` string,
  `useragent` string,
  `versionid` string,
  `hostid` string,
  `sigv` string,
  `ciphersuite` string,
  `authtype` string,
  `endpoint` string,
  `tlsversion` string,
  `accesspointarn` string,
  `aclrequired` string,
  `sourceregion` string,
  `unparsed` string
)
COMMENT 's3-access logs; a line that is not understood is in unparsed, none is dropped'
PARTITIONED BY (
  `year` string,
  `month` string,
  `day` string
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe'
WITH SERDEPROPERTIES (
  'input.regex' = '(?:([^ ]+) ([^ ]+) \\[([^\\]]+)\\] ([^ ]+) (.+?) ([^ ]+) ([A-Z0-9]+\\.[A-Z0-9._]+) ([^ ]+) (-|".*?") (-|[0-9]{3}) (-|[A-Za-z0-9.]+) (-|[0-9]+) (-|[0-9]+) (-|[0-9]+) (-|[0-9]+) (-|".*?") (-|".*"|"[^"]*) ([^ "]+)(?: ([^ ]+(?: [A-Za-z0-9+/]{40,}=*)?)(?: ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+)(?: ([^ ]+)(?: ([^ ]+)(?: ([^ ]+)(?: ([^ ]+).*)?)?)?)?)?)?|(.*))'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://logs/s3/111122223333/ap-northeast-1/minamo-shop-media/'
TBLPROPERTIES (
  'projection.day.digits' = '2',
  'projection.day.range' = '01,31',
  'projection.day.type' = 'integer',
  'projection.enabled' = 'true',
  'projection.month.digits' = '2',
  'projection.month.range' = '01,12',
  'projection.month.type' = 'integer',
  'projection.year.digits' = '4',
  'projection.year.range' = '2018,2049',
  'projection.year.type' = 'integer',
  'storage.location.template' = 's3://logs/s3/111122223333/ap-northeast-1/minamo-shop-media/${year}/${month}/${day}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`s3_access_logs_s3_111122223333_ap_northeast_1_minamo_shop_media_yyyy_mm_dd_lines` (
  `line` string
)
COMMENT 'whole lines of s3-access logs, for why403 scan --engine athena'
PARTITIONED BY (
  `year` string,
  `month` string,
  `day` string
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe'
WITH SERDEPROPERTIES (
  'field.delim' = '\n',
  'serialization.format' = '\n'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://logs/s3/111122223333/ap-northeast-1/minamo-shop-media/'
TBLPROPERTIES (
  'projection.day.digits' = '2',
  'projection.day.range' = '01,31',
  'projection.day.type' = 'integer',
  'projection.enabled' = 'true',
  'projection.month.digits' = '2',
  'projection.month.range' = '01,12',
  'projection.month.type' = 'integer',
  'projection.year.digits' = '4',
  'projection.year.range' = '2018,2049',
  'projection.year.type' = 'integer',
  'storage.location.template' = 's3://logs/s3/111122223333/ap-northeast-1/minamo-shop-media/${year}/${month}/${day}/'
);
