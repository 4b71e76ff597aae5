package cli

import "testing"

func TestByteSize(t *testing.T) {
	good := func(in string, want int64, text string) {
		t.Helper()
		var b byteSize
		if err := b.Set(in); err != nil || int64(b) != want || b.String() != text {
			t.Errorf("%q: %d %q %v, want %d %q", in, b, b.String(), err, want, text)
		}
	}
	good("512MiB", 512<<20, "512MiB")
	good("2gib", 2<<30, "2GiB")
	good("2 GB", 2<<30, "2GiB")
	good("1536M", 1536<<20, "1536MiB")
	good("1T", 1<<40, "1TiB")
	good("4097", 4097, "4097B")
	good("8B", 8, "8B")

	bad := func(in string) {
		t.Helper()
		var b byteSize
		if err := b.Set(in); err == nil || b != 0 {
			t.Errorf("%q: %d, no error", in, b)
		}
	}
	bad("")
	bad("MiB")
	bad("0")
	bad("-1GiB")
	bad("1.5GiB")
	bad("1PiB")
	bad("9999999999GiB")
}
