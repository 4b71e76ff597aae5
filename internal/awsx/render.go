package awsx

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// render returns an output of the SDK as the AWS CLI prints it in JSON: the
// members' own names, without what is not set. lower is for services whose
// members begin with a small letter (CloudWatch Logs).
func render(output any, lower bool) (json.RawMessage, error) {
	var b bytes.Buffer
	ok, err := renderValue(&b, reflect.ValueOf(output), lower)
	if err != nil {
		return nil, err
	}
	if !ok {
		return json.RawMessage("{}"), nil
	}
	return b.Bytes(), nil
}

var timeType = reflect.TypeFor[time.Time]()

// renderValue writes v and reports whether there was anything to write.
func renderValue(b *bytes.Buffer, v reflect.Value, lower bool) (bool, error) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return false, nil
		}
		return renderValue(b, v.Elem(), lower)
	case reflect.Interface: // a union: its member is the type's name after "Member"
		if v.IsNil() {
			return false, nil
		}
		m := v.Elem()
		for m.Kind() == reflect.Pointer {
			m = m.Elem()
		}
		_, member, ok := strings.Cut(m.Type().Name(), "Member")
		if !ok || m.Kind() != reflect.Struct || !m.FieldByName("Value").IsValid() {
			return false, fmt.Errorf("can't print a %s", v.Elem().Type())
		}
		b.WriteByte('{')
		writeString(b, memberName(member, lower))
		b.WriteByte(':')
		if ok, err := renderValue(b, m.FieldByName("Value"), lower); err != nil {
			return false, err
		} else if !ok {
			b.WriteString("null")
		}
		b.WriteByte('}')
		return true, nil
	case reflect.Struct:
		if v.Type() == timeType {
			// The AWS CLI's version 2 prints ISO 8601 with an offset.
			writeString(b, v.Interface().(time.Time).UTC().Format("2006-01-02T15:04:05.999999-07:00"))
			return true, nil
		}
		b.WriteByte('{')
		n := 0
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || f.Name == "ResultMetadata" {
				continue
			}
			at := b.Len()
			if n > 0 {
				b.WriteByte(',')
			}
			writeString(b, memberName(f.Name, lower))
			b.WriteByte(':')
			ok, err := renderValue(b, v.Field(i), lower)
			if err != nil {
				return false, fmt.Errorf("%s: %w", f.Name, err)
			}
			if !ok {
				b.Truncate(at)
				continue
			}
			n++
		}
		b.WriteByte('}')
		return true, nil
	case reflect.Slice:
		if v.IsNil() {
			return false, nil
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			writeString(b, base64.StdEncoding.EncodeToString(v.Bytes()))
			return true, nil
		}
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(',')
			}
			if ok, err := renderValue(b, v.Index(i), lower); err != nil {
				return false, err
			} else if !ok {
				b.WriteString("null")
			}
		}
		b.WriteByte(']')
		return true, nil
	case reflect.Map:
		if v.IsNil() {
			return false, nil
		}
		keys := v.MapKeys()
		sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
		b.WriteByte('{')
		for i, k := range keys {
			if i > 0 {
				b.WriteByte(',')
			}
			writeString(b, k.String())
			b.WriteByte(':')
			if ok, err := renderValue(b, v.MapIndex(k), lower); err != nil {
				return false, err
			} else if !ok {
				b.WriteString("null")
			}
		}
		b.WriteByte('}')
		return true, nil
	case reflect.String:
		// An enum member that is not set is "", not nil; a string member is a
		// pointer, and printed when it is empty.
		if v.Len() == 0 && v.Type().Name() != "string" {
			return false, nil
		}
		writeString(b, v.String())
		return true, nil
	case reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64, reflect.Float32, reflect.Float64:
		data, err := json.Marshal(v.Interface())
		b.Write(data)
		return err == nil, err
	}
	return false, fmt.Errorf("can't print a %s", v.Type())
}

func memberName(field string, lower bool) string {
	if !lower || field == "" {
		return field
	}
	r, n := utf8.DecodeRuneInString(field)
	return string(unicode.ToLower(r)) + field[n:]
}

func writeString(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)         // a string can't fail
	b.Truncate(b.Len() - 1) // the newline
}
