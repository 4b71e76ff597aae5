// Package s3source is a logs.Source over a prefix of an S3 bucket.
//
// It lists no more than the window needs: dated folders outside of it are not
// entered, and in a folder of dated names the listing jumps to the window and
// ends behind it. It fetches each object with one GET, through an HTTP
// client of its own with the SDK's credentials, endpoints and TLS settings; see
// fetch.go for what of the SDK the hot path does without, wire.go for the client.
//
// It must not look into objects, nor write.
package s3source
