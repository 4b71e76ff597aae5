// Package checks names the cause of a failing key: each [Check] is a value that
// looks at one key, at what the logs say of it and at the facts gathered, and
// answers cause, ruled out, unknown or not applicable.
//
// Checks must not call AWS, read files, or print: all that they may look at is
// in the [KeyPass] or [EdgePass], and all that they say goes through their [Finding].
package checks
