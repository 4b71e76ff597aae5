// Package athena lets Amazon Athena read the logs in place of package logs, for
// volumes that one machine should not pull through itself.
//
// Athena is a sieve here, not a second parser. A table of raw lines is scanned;
// SQL drops the lines that are plain and uninteresting (it recognises them by a
// strict shape, and counts them) and returns every other line as it stands:
// refusals, headers, whatever looks odd. Those go through the one parser of
// package logs to the same Handlers as in a local scan. A second query returns a
// line for each moment at which a path or key was served, as far as a report
// needs it. What comes back is this package's matter; what it means is not.
//
// It also writes the tables down, as DDL for people and through Glue for Setup.
//
// It must not judge, and must not write to the account beyond the database it
// was told to use and the query results that Athena itself stores. SQL here must
// not extract a field that ends up in a report: that would be a second parser.
package athena
