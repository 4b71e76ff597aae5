package state

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// The stored form is gzip of JSON lines: one header, then one line for each
// run, day, batch of log objects and finding. `zcat state.jsonl.gz` reads well.
type (
	header struct {
		SchemaVersion int       `json:"schema_version"`
		Created       time.Time `json:"created"`
		Updated       time.Time `json:"updated"`
		Horizon       string    `json:"horizon,omitempty"` // first day that still counts
	}
	record struct {
		Run     *Run         `json:"run,omitempty"`
		Day     *dayRecord   `json:"day,omitempty"`
		Objects *objectBatch `json:"objects,omitempty"`
		Finding *findRecord  `json:"finding,omitempty"`
		End     bool         `json:"end,omitempty"`
	}
	dayRecord struct {
		Day      string           `json:"day"`
		Requests int64            `json:"passed"`
		Base     [kinds]int64     `json:"counted"`
		IDs      [kinds][]byte    `json:"ids"` // 8 bytes each, big endian
		Causes   map[string]int64 `json:"causes,omitempty"`
		Loose    bool             `json:"loose,omitempty"`
	}
	// An objectBatch holds log objects of one last day, packed: 16 bytes of the
	// URI's hash, 8 of the ETag's, then the passed requests by day as varints.
	objectBatch struct {
		Until string `json:"until,omitempty"`
		Count int    `json:"count"`
		Data  []byte `json:"data"`
	}
	findRecord struct {
		finding
		Key []byte `json:"key"` // exact bytes, base64
	}
)

const batchSize = 10_000

func (s *State) encode() ([]byte, error) {
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	enc := json.NewEncoder(zw)
	enc.SetEscapeHTML(false)
	h := header{SchemaVersion: SchemaVersion, Created: s.created, Updated: s.now}
	if s.horizon > -1<<31 {
		h.Horizon = dayName(s.horizon)
	}
	err := enc.Encode(h)
	put := func(r record) {
		if err == nil {
			err = enc.Encode(r)
		}
	}
	for i := range s.runs {
		put(record{Run: &s.runs[i]})
	}
	for _, n := range slices.Sorted(maps.Keys(s.days)) {
		d := s.days[n]
		r := &dayRecord{Day: dayName(n), Requests: d.requests, Base: d.base, Causes: d.causes, Loose: d.loose}
		for k := range d.ids {
			for _, id := range d.ids[k] {
				r.IDs[k] = binary.BigEndian.AppendUint64(r.IDs[k], id)
			}
		}
		put(record{Day: r})
	}
	s.encodeObjects(put)
	for _, id := range s.order {
		f := s.finds[id]
		r := &findRecord{finding: *f, Key: []byte(f.Key)}
		r.finding.Key = ""
		put(record{Finding: r})
	}
	put(record{End: true})
	err = errors.Join(err, zw.Close())
	return buf.Bytes(), err
}

func (s *State) encodeObjects(put func(record)) {
	ids := slices.SortedFunc(maps.Keys(s.objects), func(a, b objectID) int {
		if x, y := s.objects[a].until, s.objects[b].until; x != y {
			if x < y {
				return -1
			}
			return 1
		}
		return bytes.Compare(a[:], b[:])
	})
	for len(ids) > 0 {
		until := s.objects[ids[0]].until
		b := &objectBatch{}
		if until != undated {
			b.Until = dayName(until)
		}
		for len(ids) > 0 && s.objects[ids[0]].until == until && b.Count < batchSize {
			o := s.objects[ids[0]]
			b.Data = append(b.Data, ids[0][:]...)
			b.Data = binary.BigEndian.AppendUint64(b.Data, o.tag)
			b.Data = binary.AppendUvarint(b.Data, uint64(len(o.passed)))
			for _, c := range o.passed {
				b.Data = binary.AppendVarint(b.Data, int64(c.day))
				b.Data = binary.AppendVarint(b.Data, c.n)
			}
			b.Count++
			ids = ids[1:]
		}
		put(record{Objects: b})
	}
}

// errDamaged is what decode says of bytes that encode did not write.
var errDamaged = errors.New("the memory is damaged: restore an earlier version of the object, or remove it to begin anew")

func (s *State) decode(data []byte) error {
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%w (%v)", errDamaged, err)
	}
	d := json.NewDecoder(bufio.NewReaderSize(zr, 1<<16))
	var h header
	if err := d.Decode(&h); err != nil {
		return fmt.Errorf("%w (%v)", errDamaged, err)
	}
	if h.SchemaVersion > SchemaVersion {
		return fmt.Errorf("the memory has schema version %d, this why403 knows %d: use the newer why403", h.SchemaVersion, SchemaVersion)
	}
	if h.SchemaVersion < 1 {
		return fmt.Errorf("%w (no schema version)", errDamaged)
	}
	s.created, s.horizon = h.Created, -1<<31
	if h.Horizon != "" {
		if s.horizon, err = parseDay(h.Horizon); err != nil {
			return fmt.Errorf("%w (%v)", errDamaged, err)
		}
	}
	ended := false
	for !ended {
		var r record
		if err := d.Decode(&r); err != nil {
			return fmt.Errorf("%w (%v)", errDamaged, err)
		}
		switch {
		case r.Run != nil:
			s.runs = append(s.runs, *r.Run)
		case r.Day != nil:
			err = s.decodeDay(r.Day)
		case r.Objects != nil:
			err = s.decodeObjects(r.Objects)
		case r.Finding != nil:
			f := r.Finding.finding
			f.Key = string(r.Finding.Key)
			if s.finds[f.FindingID] == nil {
				s.finds[f.FindingID] = &f
				s.order = append(s.order, f.FindingID)
			}
		}
		if err != nil {
			return fmt.Errorf("%w (%v)", errDamaged, err)
		}
		ended = r.End
	}
	if _, err := io.Copy(io.Discard, zr); err != nil { // the checksum
		return fmt.Errorf("%w (%v)", errDamaged, err)
	}
	return nil
}

func (s *State) decodeDay(r *dayRecord) error {
	n, err := parseDay(r.Day)
	if err != nil {
		return err
	}
	d := s.day(n)
	d.requests, d.base, d.loose = r.Requests, r.Base, r.Loose
	if r.Causes != nil {
		d.causes = r.Causes
	}
	for k, b := range r.IDs {
		if len(b)%8 != 0 {
			return errors.New("request ids are cut")
		}
		for ; len(b) > 0; b = b[8:] {
			d.ids[k] = append(d.ids[k], binary.BigEndian.Uint64(b))
		}
		if !slices.IsSorted(d.ids[k]) {
			return errors.New("request ids are out of order")
		}
	}
	return nil
}

func (s *State) decodeObjects(b *objectBatch) error {
	until := undated
	if b.Until != "" {
		var err error
		if until, err = parseDay(b.Until); err != nil {
			return err
		}
	}
	data := b.Data
	for range b.Count {
		if len(data) < 25 {
			return errors.New("log objects are cut")
		}
		o := &object{tag: binary.BigEndian.Uint64(data[16:]), until: until}
		id := objectID(data[:16])
		data = data[24:]
		n, w := binary.Uvarint(data)
		if w <= 0 || n > uint64(len(data)) {
			return errors.New("log objects are cut")
		}
		data = data[w:]
		for range n {
			day, w := binary.Varint(data)
			count, v := binary.Varint(data[max(w, 0):])
			if w <= 0 || v <= 0 || int64(int32(day)) != day {
				return errors.New("log objects are cut")
			}
			data = data[w+v:]
			o.passed = append(o.passed, dayCount{int32(day), count})
		}
		s.objects[id] = o
	}
	return nil
}

func parseDay(s string) (int32, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, err
	}
	return utcDay(t.UnixMilli()), nil
}
