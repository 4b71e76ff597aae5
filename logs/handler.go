package logs

// A Handler receives the lines of one scanning goroutine. Each goroutine has a
// Handler of its own, so no locking is needed; what they gathered is merged
// afterwards. Records are valid only during the call.
type Handler interface {
	// Edge, Origin and Firewall receive the records that the Filter chose.
	Edge(*EdgeRecord)
	Origin(*OriginRecord)
	Firewall(*FirewallRecord)

	// EdgePassed and OriginPassed receive every other well-formed request, by
	// the few fields that cost next to nothing: they tell when a failing path
	// or key was last, or first again, served. stem and key are as logged.
	EdgePassed(distribution, stem []byte, status int, time int64)
	OriginPassed(r *OriginRecord)
}

// A Filter says which requests are handed over whole.
type Filter struct {
	// Masked holds the statuses that a custom error response turns a 403 into.
	// A CloudFront line with such a status and result type Error is handed over
	// like a 403.
	Masked []int
	// Window cuts records by their own time.
	Window Window
}
