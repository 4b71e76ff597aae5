package policy

// Tri is a truth value of Kleene's three-valued logic. The zero value is Unknown.
type Tri int8

const (
	False   Tri = -1
	Unknown Tri = 0
	True    Tri = 1
)

// TriOf turns a known truth into a Tri.
func TriOf(b bool) Tri {
	if b {
		return True
	}
	return False
}

// And is true when both are, false when either is.
func (t Tri) And(u Tri) Tri { return min(t, u) }

// Or is true when either is, false when both are.
func (t Tri) Or(u Tri) Tri { return max(t, u) }

// Not turns true into false and back; unknown stays.
func (t Tri) Not() Tri { return -t }

func (t Tri) String() string {
	switch t {
	case True:
		return "true"
	case False:
		return "false"
	}
	return "unknown"
}
