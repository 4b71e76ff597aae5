//go:build trino

package athena

import "testing"

// A Rig is the doubles of Athena and of Glue, as another package's run reaches
// them.
type Rig struct{ *rig }

func NewRig(t testing.TB) Rig { return Rig{newRig(t)} }

// Site puts the sample site's logs into a bucket of its own, and returns its
// name.
func (r Rig) Site(t testing.TB) string {
	bucket := r.bucket(t)
	r.upload(t, "../../samples/site/logs", bucket, "")
	return bucket
}

// Endpoints are the URLs of Athena's double and of Glue's.
func (r Rig) Endpoints() (athena, glue string) {
	return *r.athena.Options().BaseEndpoint, *r.glue.Options().BaseEndpoint
}
