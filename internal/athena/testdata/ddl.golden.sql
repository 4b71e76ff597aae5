CREATE DATABASE IF NOT EXISTS `why403`;

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`cloudfront` (
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
LOCATION 's3://logs/cf/';

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`cloudfront_lines` (
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
LOCATION 's3://logs/cf/';

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`cloudfront_v2` (
  `timestamp` string,
  `distributionid` string,
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
  `sc_range_end` string,
  `timestamp_ms` string,
  `origin_fbl` string,
  `origin_lbl` string,
  `asn` string,
  `c_country` string,
  `cache_behavior_path_pattern` string
)
COMMENT 'cloudfront-w3c logs; the rows of header lines have no sc_status'
PARTITIONED BY (
  `distribution` string,
  `year` string,
  `month` string,
  `day` string,
  `hour` string
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe'
WITH SERDEPROPERTIES (
  'field.delim' = '\t',
  'serialization.format' = '\t'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://logs/AWSLogs/111122223333/CloudFront/'
TBLPROPERTIES (
  'projection.day.digits' = '2',
  'projection.day.range' = '01,31',
  'projection.day.type' = 'integer',
  'projection.distribution.type' = 'enum',
  'projection.distribution.values' = 'E1EXAMPLE00001,E2EXAMPLE00002',
  'projection.enabled' = 'true',
  'projection.hour.digits' = '2',
  'projection.hour.range' = '00,23',
  'projection.hour.type' = 'integer',
  'projection.month.digits' = '2',
  'projection.month.range' = '01,12',
  'projection.month.type' = 'integer',
  'projection.year.digits' = '4',
  'projection.year.range' = '2018,2049',
  'projection.year.type' = 'integer',
  'storage.location.template' = 's3://logs/AWSLogs/111122223333/CloudFront/${distribution}/${year}/${month}/${day}/${hour}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`cloudfront_v2_lines` (
  `line` string
)
COMMENT 'whole lines of cloudfront-w3c logs, for why403 scan --engine athena'
PARTITIONED BY (
  `distribution` string,
  `year` string,
  `month` string,
  `day` string,
  `hour` string
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe'
WITH SERDEPROPERTIES (
  'field.delim' = '\n',
  'serialization.format' = '\n'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://logs/AWSLogs/111122223333/CloudFront/'
TBLPROPERTIES (
  'projection.day.digits' = '2',
  'projection.day.range' = '01,31',
  'projection.day.type' = 'integer',
  'projection.distribution.type' = 'enum',
  'projection.distribution.values' = 'E1EXAMPLE00001,E2EXAMPLE00002',
  'projection.enabled' = 'true',
  'projection.hour.digits' = '2',
  'projection.hour.range' = '00,23',
  'projection.hour.type' = 'integer',
  'projection.month.digits' = '2',
  'projection.month.range' = '01,12',
  'projection.month.type' = 'integer',
  'projection.year.digits' = '4',
  'projection.year.range' = '2018,2049',
  'projection.year.type' = 'integer',
  'storage.location.template' = 's3://logs/AWSLogs/111122223333/CloudFront/${distribution}/${year}/${month}/${day}/${hour}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`cloudfront_commas` (
  `date` string,
  `time` string,
  `cs_uri_stem` string,
  `sc_status` string,
  `x_edge_result_type` string
)
COMMENT 'cloudfront-plain logs'
PARTITIONED BY (
  `year` string,
  `month` string
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe'
WITH SERDEPROPERTIES (
  'field.delim' = ',',
  'serialization.format' = ','
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://logs/plain/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.month.digits' = '2',
  'projection.month.range' = '01,12',
  'projection.month.type' = 'integer',
  'projection.year.digits' = '4',
  'projection.year.range' = '2018,2049',
  'projection.year.type' = 'integer',
  'storage.location.template' = 's3://logs/plain/111122223333/${year}/${month}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`cloudfront_commas_lines` (
  `line` string
)
COMMENT 'whole lines of cloudfront-plain logs, for why403 scan --engine athena'
PARTITIONED BY (
  `year` string,
  `month` string
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe'
WITH SERDEPROPERTIES (
  'field.delim' = '\n',
  'serialization.format' = '\n'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://logs/plain/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.month.digits' = '2',
  'projection.month.range' = '01,12',
  'projection.month.type' = 'integer',
  'projection.year.digits' = '4',
  'projection.year.range' = '2018,2049',
  'projection.year.type' = 'integer',
  'storage.location.template' = 's3://logs/plain/111122223333/${year}/${month}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`cloudfront_json` (
  `timestamp` string,
  `distributionid` string,
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
  `sc_range_end` string,
  `timestamp_ms` string,
  `origin_fbl` string,
  `origin_lbl` string,
  `asn` string,
  `c_country` string,
  `cache_behavior_path_pattern` string
)
COMMENT 'cloudfront-json logs'
PARTITIONED BY (
  `distribution` string,
  `year` string,
  `month` string,
  `day` string,
  `hour` string
)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES (
  'ignore.malformed.json' = 'true',
  'mapping.c_country' = 'c-country',
  'mapping.c_ip' = 'c-ip',
  'mapping.c_port' = 'c-port',
  'mapping.cache_behavior_path_pattern' = 'cache-behavior-path-pattern',
  'mapping.cs_bytes' = 'cs-bytes',
  'mapping.cs_cookie' = 'cs(Cookie)',
  'mapping.cs_host' = 'cs(Host)',
  'mapping.cs_method' = 'cs-method',
  'mapping.cs_protocol' = 'cs-protocol',
  'mapping.cs_protocol_version' = 'cs-protocol-version',
  'mapping.cs_referer' = 'cs(Referer)',
  'mapping.cs_uri_query' = 'cs-uri-query',
  'mapping.cs_uri_stem' = 'cs-uri-stem',
  'mapping.cs_user_agent' = 'cs(User-Agent)',
  'mapping.distributionid' = 'DistributionId',
  'mapping.fle_encrypted_fields' = 'fle-encrypted-fields',
  'mapping.fle_status' = 'fle-status',
  'mapping.origin_fbl' = 'origin-fbl',
  'mapping.origin_lbl' = 'origin-lbl',
  'mapping.sc_bytes' = 'sc-bytes',
  'mapping.sc_content_len' = 'sc-content-len',
  'mapping.sc_content_type' = 'sc-content-type',
  'mapping.sc_range_end' = 'sc-range-end',
  'mapping.sc_range_start' = 'sc-range-start',
  'mapping.sc_status' = 'sc-status',
  'mapping.ssl_cipher' = 'ssl-cipher',
  'mapping.ssl_protocol' = 'ssl-protocol',
  'mapping.time_taken' = 'time-taken',
  'mapping.time_to_first_byte' = 'time-to-first-byte',
  'mapping.timestamp_ms' = 'timestamp(ms)',
  'mapping.x_edge_detailed_result_type' = 'x-edge-detailed-result-type',
  'mapping.x_edge_location' = 'x-edge-location',
  'mapping.x_edge_request_id' = 'x-edge-request-id',
  'mapping.x_edge_response_result_type' = 'x-edge-response-result-type',
  'mapping.x_edge_result_type' = 'x-edge-result-type',
  'mapping.x_forwarded_for' = 'x-forwarded-for',
  'mapping.x_host_header' = 'x-host-header'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://logs/AWSLogs/aws-account-id=111122223333/CloudFront/'
TBLPROPERTIES (
  'projection.day.digits' = '2',
  'projection.day.range' = '01,31',
  'projection.day.type' = 'integer',
  'projection.distribution.type' = 'enum',
  'projection.distribution.values' = 'E1EXAMPLE00001',
  'projection.enabled' = 'true',
  'projection.hour.digits' = '2',
  'projection.hour.range' = '00,23',
  'projection.hour.type' = 'integer',
  'projection.month.digits' = '2',
  'projection.month.range' = '01,12',
  'projection.month.type' = 'integer',
  'projection.year.digits' = '4',
  'projection.year.range' = '2018,2049',
  'projection.year.type' = 'integer',
  'storage.location.template' = 's3://logs/AWSLogs/aws-account-id=111122223333/CloudFront/distributionid=${distribution}/year=${year}/month=${month}/day=${day}/hour=${hour}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`cloudfront_json_lines` (
  `line` string
)
COMMENT 'whole lines of cloudfront-json logs, for why403 scan --engine athena'
PARTITIONED BY (
  `distribution` string,
  `year` string,
  `month` string,
  `day` string,
  `hour` string
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe'
WITH SERDEPROPERTIES (
  'field.delim' = '\n',
  'serialization.format' = '\n'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://logs/AWSLogs/aws-account-id=111122223333/CloudFront/'
TBLPROPERTIES (
  'projection.day.digits' = '2',
  'projection.day.range' = '01,31',
  'projection.day.type' = 'integer',
  'projection.distribution.type' = 'enum',
  'projection.distribution.values' = 'E1EXAMPLE00001',
  'projection.enabled' = 'true',
  'projection.hour.digits' = '2',
  'projection.hour.range' = '00,23',
  'projection.hour.type' = 'integer',
  'projection.month.digits' = '2',
  'projection.month.range' = '01,12',
  'projection.month.type' = 'integer',
  'projection.year.digits' = '4',
  'projection.year.range' = '2018,2049',
  'projection.year.type' = 'integer',
  'storage.location.template' = 's3://logs/AWSLogs/aws-account-id=111122223333/CloudFront/distributionid=${distribution}/year=${year}/month=${month}/day=${day}/hour=${hour}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`cloudfront_parquet` (
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
COMMENT 'cloudfront-parquet logs'
PARTITIONED BY (
  `year` string,
  `month` string,
  `day` string,
  `hour` string
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'
LOCATION 's3://logs/parquet/'
TBLPROPERTIES (
  'projection.day.digits' = '2',
  'projection.day.range' = '01,31',
  'projection.day.type' = 'integer',
  'projection.enabled' = 'true',
  'projection.hour.digits' = '2',
  'projection.hour.range' = '00,23',
  'projection.hour.type' = 'integer',
  'projection.month.digits' = '2',
  'projection.month.range' = '01,12',
  'projection.month.type' = 'integer',
  'projection.year.digits' = '4',
  'projection.year.range' = '2018,2049',
  'projection.year.type' = 'integer',
  'storage.location.template' = 's3://logs/parquet/year=${year}/month=${month}/day=${day}/hour=${hour}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`cloudfront_realtime` (
  `timestamp` string,
  `c_ip` string,
  `sc_status` string,
  `cs_method` string,
  `cs_host` string,
  `cs_uri_stem` string,
  `x_host_header` string,
  `x_edge_detailed_result_type` string
)
COMMENT 'cloudfront-realtime logs'
PARTITIONED BY (
  `year` string,
  `month` string,
  `day` string,
  `hour` string
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe'
WITH SERDEPROPERTIES (
  'field.delim' = '\t',
  'serialization.format' = '\t'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://logs/firehose/'
TBLPROPERTIES (
  'projection.day.digits' = '2',
  'projection.day.range' = '01,31',
  'projection.day.type' = 'integer',
  'projection.enabled' = 'true',
  'projection.hour.digits' = '2',
  'projection.hour.range' = '00,23',
  'projection.hour.type' = 'integer',
  'projection.month.digits' = '2',
  'projection.month.range' = '01,12',
  'projection.month.type' = 'integer',
  'projection.year.digits' = '4',
  'projection.year.range' = '2018,2049',
  'projection.year.type' = 'integer',
  'storage.location.template' = 's3://logs/firehose/${year}/${month}/${day}/${hour}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`cloudfront_realtime_lines` (
  `line` string
)
COMMENT 'whole lines of cloudfront-realtime logs, for why403 scan --engine athena'
PARTITIONED BY (
  `year` string,
  `month` string,
  `day` string,
  `hour` string
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe'
WITH SERDEPROPERTIES (
  'field.delim' = '\n',
  'serialization.format' = '\n'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://logs/firehose/'
TBLPROPERTIES (
  'projection.day.digits' = '2',
  'projection.day.range' = '01,31',
  'projection.day.type' = 'integer',
  'projection.enabled' = 'true',
  'projection.hour.digits' = '2',
  'projection.hour.range' = '00,23',
  'projection.hour.type' = 'integer',
  'projection.month.digits' = '2',
  'projection.month.range' = '01,12',
  'projection.month.type' = 'integer',
  'projection.year.digits' = '4',
  'projection.year.range' = '2018,2049',
  'projection.year.type' = 'integer',
  'storage.location.template' = 's3://logs/firehose/${year}/${month}/${day}/${hour}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`s3_access` (
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
LOCATION 's3://logs/s3/';

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`s3_access_lines` (
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
LOCATION 's3://logs/s3/';

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`s3_access_by_day` (
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
LOCATION 's3://logs/s3/111122223333/ap-northeast-1/it\'s-a-bucket/'
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
  'storage.location.template' = 's3://logs/s3/111122223333/ap-northeast-1/it\'s-a-bucket/${year}/${month}/${day}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`s3_access_by_day_lines` (
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
LOCATION 's3://logs/s3/111122223333/ap-northeast-1/it\'s-a-bucket/'
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
  'storage.location.template' = 's3://logs/s3/111122223333/ap-northeast-1/it\'s-a-bucket/${year}/${month}/${day}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`s3_access_json` (
  `bucket_name` string,
  `request_time` string,
  `bucket_owner_id` string,
  `remote_ip` string,
  `requester` string,
  `request_id` string,
  `operation` string,
  `key_name` string,
  `request_uri` string,
  `http_status` string,
  `bytes_sent_size` string,
  `error_code` string,
  `object_size` string,
  `total_time` string,
  `turn_around_time` string,
  `referer` string,
  `user_agent` string,
  `version_id` string,
  `host_id` string,
  `signature_version` string,
  `cipher_suite` string,
  `authentication_type` string,
  `host_header` string,
  `tls_version` string,
  `access_point_arn` string,
  `acl_required` string,
  `source_region` string
)
COMMENT 's3-json logs'
PARTITIONED BY (
  `year` string,
  `month` string,
  `day` string,
  `hour` string
)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES (
  'ignore.malformed.json' = 'true'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://logs/vended/'
TBLPROPERTIES (
  'projection.day.digits' = '2',
  'projection.day.range' = '01,31',
  'projection.day.type' = 'integer',
  'projection.enabled' = 'true',
  'projection.hour.digits' = '2',
  'projection.hour.range' = '00,23',
  'projection.hour.type' = 'integer',
  'projection.month.digits' = '2',
  'projection.month.range' = '01,12',
  'projection.month.type' = 'integer',
  'projection.year.digits' = '4',
  'projection.year.range' = '2018,2049',
  'projection.year.type' = 'integer',
  'storage.location.template' = 's3://logs/vended/${year}/${month}/${day}/${hour}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`s3_access_json_lines` (
  `line` string
)
COMMENT 'whole lines of s3-json logs, for why403 scan --engine athena'
PARTITIONED BY (
  `year` string,
  `month` string,
  `day` string,
  `hour` string
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe'
WITH SERDEPROPERTIES (
  'field.delim' = '\n',
  'serialization.format' = '\n'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://logs/vended/'
TBLPROPERTIES (
  'projection.day.digits' = '2',
  'projection.day.range' = '01,31',
  'projection.day.type' = 'integer',
  'projection.enabled' = 'true',
  'projection.hour.digits' = '2',
  'projection.hour.range' = '00,23',
  'projection.hour.type' = 'integer',
  'projection.month.digits' = '2',
  'projection.month.range' = '01,12',
  'projection.month.type' = 'integer',
  'projection.year.digits' = '4',
  'projection.year.range' = '2018,2049',
  'projection.year.type' = 'integer',
  'storage.location.template' = 's3://logs/vended/${year}/${month}/${day}/${hour}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`s3_access_parquet` (
  `bucket_name` string,
  `request_time` string,
  `requester` string,
  `operation` string,
  `key_name` string,
  `request_uri` string,
  `http_status` int
)
COMMENT 's3-parquet logs'
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'
LOCATION 's3://logs/vended-parquet/';

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`waf` (
  `timestamp` bigint,
  `webaclid` string,
  `action` string,
  `terminatingruleid` string,
  `terminatingruletype` string,
  `httpsourcename` string,
  `httpsourceid` string,
  `responsecodesent` int,
  `httprequest` struct<clientip:string,country:string,uri:string,args:string,httpmethod:string,requestid:string>
)
COMMENT 'waf-json logs'
PARTITIONED BY (
  `year` string,
  `month` string,
  `day` string,
  `hour` string
)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES (
  'ignore.malformed.json' = 'true',
  'mapping.httprequest' = 'httpRequest',
  'mapping.httpsourceid' = 'httpSourceId',
  'mapping.httpsourcename' = 'httpSourceName',
  'mapping.responsecodesent' = 'responseCodeSent',
  'mapping.terminatingruleid' = 'terminatingRuleId',
  'mapping.terminatingruletype' = 'terminatingRuleType',
  'mapping.webaclid' = 'webaclId'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://aws-waf-logs-example/AWSLogs/111122223333/WAFLogs/cloudfront/acl/'
TBLPROPERTIES (
  'projection.day.digits' = '2',
  'projection.day.range' = '01,31',
  'projection.day.type' = 'integer',
  'projection.enabled' = 'true',
  'projection.hour.digits' = '2',
  'projection.hour.range' = '00,23',
  'projection.hour.type' = 'integer',
  'projection.month.digits' = '2',
  'projection.month.range' = '01,12',
  'projection.month.type' = 'integer',
  'projection.year.digits' = '4',
  'projection.year.range' = '2018,2049',
  'projection.year.type' = 'integer',
  'storage.location.template' = 's3://aws-waf-logs-example/AWSLogs/111122223333/WAFLogs/cloudfront/acl/${year}/${month}/${day}/${hour}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `why403`.`waf_lines` (
  `line` string
)
COMMENT 'whole lines of waf-json logs, for why403 scan --engine athena'
PARTITIONED BY (
  `year` string,
  `month` string,
  `day` string,
  `hour` string
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe'
WITH SERDEPROPERTIES (
  'field.delim' = '\n',
  'serialization.format' = '\n'
)
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://aws-waf-logs-example/AWSLogs/111122223333/WAFLogs/cloudfront/acl/'
TBLPROPERTIES (
  'projection.day.digits' = '2',
  'projection.day.range' = '01,31',
  'projection.day.type' = 'integer',
  'projection.enabled' = 'true',
  'projection.hour.digits' = '2',
  'projection.hour.range' = '00,23',
  'projection.hour.type' = 'integer',
  'projection.month.digits' = '2',
  'projection.month.range' = '01,12',
  'projection.month.type' = 'integer',
  'projection.year.digits' = '4',
  'projection.year.range' = '2018,2049',
  'projection.year.type' = 'integer',
  'storage.location.template' = 's3://aws-waf-logs-example/AWSLogs/111122223333/WAFLogs/cloudfront/acl/${year}/${month}/${day}/${hour}/'
);
