package logs

// A Handler receives the lines of one scanning goroutine. Each goroutine has a
// Handler of its own, so no locking is needed; what they gathered is merged
// afterwards. Records and their byte slices are valid only during the call; the
// Object that a Ref points to may be kept.
//
// A line that was delivered twice is handed over twice.
type Handler interface {
	// Edge, Origin and Firewall receive the records that the Filter chose:
	// CloudFront lines with status 403 or Masked, S3 lines with status 403, WAF
	// records with another action than ALLOW.
	Edge(*EdgeRecord)
	Origin(*OriginRecord)
	Firewall(*FirewallRecord)

	// EdgePassed and OriginPassed receive every other well-formed request, by
	// the few fields that cost next to nothing: they tell when a failing path
	// or key was last, or first again, served.
	//
	// distribution is the distribution's id or, where the log does not tell it,
	// its own domain name (cs(Host)); nil if neither is told. stem is as logged.
	// time is in Unix ms.
	EdgePassed(distribution, stem []byte, status int, time int64)
	// OriginPassed's record has the fields up to TurnAround, and Ref, Line and
	// KeyLayers; those from Referer on are nil where the log is of text. Its
	// status is 0 for lifecycle actions.
	OriginPassed(r *OriginRecord)
}

// An ObjectHandler is a Handler that is told where its lines' objects begin and
// end. It sees one object at a time.
type ObjectHandler interface {
	Handler
	// Begin says that the lines to come are o's. The Object may be kept.
	Begin(o *Object)
	// End says that no more lines of that object come, and whether it was read
	// to its end without an error. Rejected lines are no error.
	End(whole bool)
}

// A Filter says which requests are handed over whole.
type Filter struct {
	// Masked returns the statuses that custom error responses of a distribution
	// turn a 403 into: a CloudFront line with such a status and result type Error
	// is handed over like a 403. It is asked when the first line of an object, or
	// of another distribution within one, comes up, by its name as in EdgePassed
	// (nil if the log tells none), which is valid only during the call. It is
	// called from several goroutines and may take its time. nil: there are none.
	Masked func(distribution []byte) []int
	// Window cuts records by their own time.
	Window Window
}
