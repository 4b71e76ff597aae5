// Package awsx is the one place that builds AWS clients: credentials, Regions,
// endpoints, retries, deadlines, the user agent and the count of calls.
//
// [Answers] answers the questions of internal/gather with the JSON that the AWS
// CLI prints; [Store] writes reports and state where the user said so. Nothing
// else here changes anything in an account.
//
// It must not judge answers, nor decide what is asked.
package awsx
