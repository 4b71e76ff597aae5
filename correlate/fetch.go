package correlate

import "github.com/why403/why403/logs"

// FromCloudFront reports whether an S3 line names CloudFront as its client by
// itself. Result tells more: it also knows identities by their canonical id, and
// joins lines with a forwarded agent.
func FromCloudFront(r *logs.OriginRecord) bool { return fromCloudFront(r.Requester, r.UserAgent) }
