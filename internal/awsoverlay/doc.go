// Package awsoverlay is the AWS of the tests: an HTTP handler that answers the
// SDK's real requests, in the wire formats that AWS documents, from a snapshot
// directory (or anything else that is a gather.Answers), with log objects kept
// in memory beside it.
//
// It stands in for what no other double has (CloudFront with origin access
// control, policy status, requester pays, partitioned access logs, vended S3
// access logs, effective policies), refuses what a test takes away
// ([Server.Deny]), masks a missing key as 403 when s3:ListBucket is denied,
// redirects requests for a bucket to the bucket's Region, and forwards the rest
// to another server ([Server.Forward], moto), if there is one.
//
// Clients reach it with [Server.Dial] as awsx.Config.Dial: every host then leads
// here, and endpoints are those of production. Nothing but tests may import it.
package awsoverlay
