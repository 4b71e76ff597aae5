// Package correlate says which object each failing request really asked for,
// and ties CloudFront's line to the S3 line of the same fetch.
//
// It holds three things: the [Resolver], which follows a viewer's path through
// behavior, origin, default root object and origin path to the exact bytes of
// an S3 key; the [Correlator], which gathers what the logs say of failing
// requests (it is a logs.Handler) and joins both logs; and [Near], which names
// the existing keys that a missing one was probably meant to be.
//
// A Correlator goes through its work in steps. While logs are read, each
// goroutine gathers small events (handler.go), the bytes of each path and key
// once (store.go), and when paths and keys were served (passed.go). Result then
// merges what they gathered (correlator.go) into tables in the order of names
// (runs.go), drops duplicates, finds the key of each path by the settings and, where
// those are silent or wrong, by what S3 lines near in time show (join.go, lookup.go,
// learn.go), joins key by key (join.go), tells scanners (noise.go), says why a
// refusal has no S3 line (group.go), describes each key (describe.go) and what keys
// have in common (pattern.go).
//
// It must not call AWS, know causes, or print. Settings reach it as plain data
// ([Distribution], [Website]); keys that exist reach Near through [Lister].
package correlate
