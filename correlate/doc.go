// Package correlate says which object each failing request really asked for,
// and ties CloudFront's line to the S3 line of the same fetch.
//
// It holds three things: the [Resolver], which follows a viewer's path through
// behavior, origin, default root object and origin path to the exact bytes of
// an S3 key; the [Correlator], which gathers what the logs say of failing
// requests (it is a logs.Handler) and joins both logs; and [Near], which names
// the existing keys that a missing one was probably meant to be.
//
// It must not call AWS, know causes, or print. Settings reach it as plain data
// ([Distribution], [Website]); keys that exist reach Near through [Lister].
package correlate
