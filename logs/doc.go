// Package logs reads the logs that a site on CloudFront and S3 leaves behind:
// CloudFront access logs, S3 server access logs and AWS WAF logs, in every
// shape in which AWS delivers them.
//
// The room lists log objects ([Source]), recognises what each one holds
// ([Format]), and calls a [Handler] for each line that matters. It keeps no
// record: a record's bytes belong to the reader and are valid only during the
// call. Every line is accounted for in [Inputs]: read = records + skipped +
// rejected.
//
// It must not: join logs, resolve keys, know causes, or call AWS. Sources that
// need an AWS client live outside and are handed in as a [Source].
package logs
