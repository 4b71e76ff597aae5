// Package policy judges AWS access policies: may this requester do this with that resource, by which statement, and
// on what does the answer depend.
//
// It reads bucket policies, KMS key policies, service control policies and resource control policies strictly
// ([ParseKind]), compiles them once and answers requests with them ([Policy.Decision], [Policy.Evaluate],
// [Policy.Explain]). [Decide] combines all policies of one request with RestrictPublicBuckets; [RunCases] does so for
// the lines of a file. [Document] edits a policy for a remedy, so that the edit can be parsed and judged again.
//
// The context of a request is three-valued: a condition key has known values, is known to be absent, or is not known.
// The logic is Kleene's: an answer other than unknown holds whatever the unknown keys are, and an unknown one names the
// keys on which it depends. It is not smarter than that: two statements whose conditions exclude each other are both
// unknown.
//
// A context made from a log line should hold what the line does not tell for unknown (Context.Default), so that a key
// nobody has heard of never lets a negated condition pass; the context of a case in a file is complete, its other keys
// are absent. A policy that could not be read is unknown too ([NamedPolicy], Case.PolicyUnknown).
//
// The package must not call AWS, read files, or know of logs and checks: it sees documents and requests only. It must
// not guess: what it does not understand is an error, never an Allow.
//
// Statements are numbered from 0. Sources of the rules are named in the comments: EVAL, OPS, VAR, MULTI, PRIN, NPRIN are
// the IAM User Guide's pages on evaluation logic, condition operators, policy variables, multivalued context keys,
// Principal and NotPrincipal; BPA is the S3 User Guide's "Blocking public access"; SCP and RCP are the Organizations
// User Guide's pages on these policies.
//
// # Not evaluated
//
//   - Identity policies, permissions boundaries, session policies and VPC endpoint policies. For an IAM requester the
//     caller says what they answer (Principal.Identity); unknown makes the decision depend on [KeyIdentity].
//   - ACLs, object ownership, Requester Pays, encryption, storage class: the checks judge them beside the policies.
//   - That an access point's policy must permit what the bucket's does, and that its Block Public Access settings count
//     too: the checks judge its policy beside the bucket's.
//   - That SCPs and RCPs spare service-linked roles and the management account: do not pass the policies then.
//   - Whether an action, a condition key or a resource type exists. An unknown key is simply absent, or unknown.
//   - Limits of size, and whether S3 would accept the document for this bucket.
//
// # Not documented by AWS
//
// Where AWS does not say, the package decides as follows and adds a note to the answer ([Notes]):
//
//   - ForAnyValue:…IfExists on an absent key holds.
//   - A multivalued key without a set operator never matches, not even negated, unless the list is empty: then it is
//     as if absent.
//   - A negated operator under a set operator tests each value of the request against all policy values.
//   - NotResource with a variable that has no value applies: that pattern matches nothing.
//   - {"AWS": "*"} covers service principals, as "*" does.
//   - NotPrincipal spares an OAI that it names by either name, a user or role that it names without the account, and
//     the users and roles of an account that it names.
//   - RestrictPublicBuckets cuts an OAI.
//   - A malformed number, date, address, ARN or boolean matches nothing, so a negated operator holds.
//   - The case of the letters of true and false does not count.
//   - A Federated principal does not cover an IAM session: the request does not show the session's provider.
//
// And without a note:
//
//   - A wildcard inside the value of a variable is a character.
//   - The name of a tag inside a condition key has no case, as the rest of the key.
//   - The name of an operator has no case.
//   - A variable of a multivalued key has no value, even with a default: the key is not absent.
//   - An incomplete resource ARN that ends in a star covers the missing parts; any other incomplete one is an error.
package policy
