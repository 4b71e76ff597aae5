// Package gather fills checks/facts: it asks what the failing keys need, each
// answer once, from AWS or from a snapshot directory.
//
// Both stand behind [Answers] and answer with the JSON that the AWS CLI prints;
// every fact is decoded from that JSON and nowhere else. A recorded run and its
// replay so give the same facts by construction, and anyone can make a
// snapshot with the CLI alone.
//
// [Calls] is the one list of operations that a run may ask for, with the IAM
// action of each. [Snapshot] answers from a directory, [Recorder] writes one,
// [Gatherer] decides what is asked.
//
// The room must not judge, and must not import the AWS SDK: internal/awsx
// answers for AWS.
package gather
