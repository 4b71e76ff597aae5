package correlate

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/why403/why403/internal/spill"
)

// fill gives every field a value other than zero.
func fill(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprint("text ", r.IntN(50)))
	case reflect.Int, reflect.Int8, reflect.Int64:
		v.SetInt(1 + r.Int64N(100))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+r.IntN(3), 3))
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i))
		}
	default:
		panic(v.Type().String())
	}
}

// TestListHoldsAll expects every field of a failure to be in a list.
func TestListHoldsAll(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	keys, paths := spill.NewList(nil, codeKey), spill.NewList(nil, codeFailure)
	for range 200 {
		var k FailingKey
		fill(r, reflect.ValueOf(&k).Elem())
		k.Rewrite, k.Pattern = nil, nil // added late
		keys.Add(&k)
		if d := gocmp.Diff(k, *keys.At(keys.Len() - 1)); d != "" {
			t.Fatal(d)
		}
		var f EdgeFailure
		fill(r, reflect.ValueOf(&f).Elem())
		paths.Add(&f)
		if d := gocmp.Diff(f, *paths.At(paths.Len() - 1)); d != "" {
			t.Fatal(d)
		}
	}
}

func TestSortNames(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		n := 1 + r.IntN(400)
		names, scopes, list := make([][]byte, n), make([]uint32, n), make([]namePart, n)
		for i := range n {
			list[i].id, scopes[i] = uint32(i), uint32(r.IntN(3))
			names[i] = bytes.Repeat([]byte{byte(r.IntN(2))}, r.IntN(20))
			if r.IntN(2) == 0 {
				names[i] = append(names[i], "assets/img/"[:r.IntN(12)]...)
			}
			if i > 0 && r.IntN(8) == 0 {
				names[i], scopes[i] = names[i-1], scopes[i-1]
			}
		}
		variant := func(id uint32) uint32 { return id * 7 % 401 }
		by := nameSorter{func(id uint32) uint32 { return scopes[id] }, func(id uint32) []byte { return names[id] }, variant}
		by.sort(list)
		if !slices.IsSortedFunc(list, func(a, b namePart) int {
			return cmp.Or(cmp.Compare(scopes[a.id], scopes[b.id]), bytes.Compare(names[a.id], names[b.id]), cmp.Compare(variant(a.id), variant(b.id)))
		}) {
			t.Fatal("not sorted")
		}
	}
}
