package logs

import (
	"encoding/binary"
	"time"
)

// field gives nil for the marker of an absent value.
func field(b []byte) []byte {
	if len(b) == 0 || len(b) == 1 && b[0] == '-' {
		return nil
	}
	return b
}

// number parses a decimal, -1 if b is anything else.
func number(b []byte) int64 {
	if len(b) == 0 || len(b) > 18 {
		return -1
	}
	var n int64
	for _, c := range b {
		if c -= '0'; c > 9 {
			return -1
		}
		n = n*10 + int64(c)
	}
	return n
}

// millis parses seconds with an optional fraction, in ms, -1 if b is anything
// else. Digits past the third of the fraction are dropped.
func millis(b []byte) int64 {
	whole, fraction := b, []byte(nil)
	for i, c := range b {
		if c == '.' {
			whole, fraction = b[:i], b[i+1:]
			break
		}
	}
	if len(whole) > 15 {
		return -1
	}
	n := number(whole)
	if n < 0 {
		return -1
	}
	for i := range 3 {
		n *= 10
		if i < len(fraction) {
			n += int64(fraction[i] - '0')
		}
	}
	for _, c := range fraction {
		if c-'0' > 9 {
			return -1
		}
	}
	return n
}

// status parses a status code of three digits. "-" and 000 are 0: the viewer
// left first.
func status(b []byte) (int, bool) {
	if len(b) == 3 {
		x, y, z := b[0]-'0', b[1]-'0', b[2]-'0'
		return int(x)*100 + int(y)*10 + int(z), x <= 9 && y <= 9 && z <= 9
	}
	return 0, len(b) == 1 && (b[0] == '-' || b[0] == '0')
}

// clock parses HH:MM:SS, in ms since midnight.
func clock(b []byte) (int64, bool) {
	if len(b) != 8 {
		return 0, false
	}
	// All eight bytes at once: digits become 0 to 9 and colons 0, anything else
	// sets a top bit.
	x := binary.LittleEndian.Uint64(b) - 0x30303a30303a3030
	if (x|(x+0x76767f76767f7676))&0x8080808080808080 != 0 {
		return 0, false
	}
	h := int64(x&15*10 + x>>8&15)
	m := int64(x>>24&15*10 + x>>32&15)
	s := int64(x>>48&15*10 + x>>56&15)
	return ((h*60+m)*60 + s) * 1000, h < 24 && m < 60 && s < 60
}

// A dateCache turns dates into Unix ms. Neighbouring lines share their date, so
// it keeps the last one.
type dateCache struct {
	text [11]byte // the date as written
	ms   int64
}

// iso parses YYYY-MM-DD.
func (d *dateCache) iso(b []byte) (int64, bool) {
	if len(b) != 10 {
		return 0, false
	}
	if string(b) == string(d.text[:10]) {
		return d.ms, true
	}
	if b[4] != '-' || b[7] != '-' {
		return 0, false
	}
	y, m, day := number(b[:4]), number(b[5:7]), number(b[8:])
	if !d.set(y, m, day) {
		return 0, false
	}
	copy(d.text[:], b)
	return d.ms, true
}

// same reports whether line begins with the date parsed last, as YYYY-MM-DD.
func (d *dateCache) same(line []byte) bool {
	return binary.LittleEndian.Uint64(line) == binary.LittleEndian.Uint64(d.text[:]) &&
		binary.LittleEndian.Uint16(line[8:]) == binary.LittleEndian.Uint16(d.text[8:])
}

// clf parses DD/Mon/YYYY.
func (d *dateCache) clf(b []byte) (int64, bool) {
	if len(b) != 11 {
		return 0, false
	}
	if binary.LittleEndian.Uint64(b) == binary.LittleEndian.Uint64(d.text[:]) && string(b[8:]) == string(d.text[8:]) {
		return d.ms, true
	}
	if b[2] != '/' || b[6] != '/' {
		return 0, false
	}
	m := int64(0)
	for i := range 12 {
		if string(b[3:6]) == "JanFebMarAprMayJunJulAugSepOctNovDec"[3*i:3*i+3] {
			m = int64(i + 1)
		}
	}
	if !d.set(number(b[7:]), m, number(b[:2])) {
		return 0, false
	}
	copy(d.text[:], b)
	return d.ms, true
}

func (d *dateCache) set(y, m, day int64) bool {
	if y < 1970 || m < 1 || day < 1 {
		return false
	}
	t := time.Date(int(y), time.Month(m), int(day), 0, 0, 0, 0, time.UTC)
	if t.Day() != int(day) || int64(t.Month()) != m {
		return false
	}
	d.ms = t.UnixMilli()
	return true
}
