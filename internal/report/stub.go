package report

import (
	"errors"
	"io"
)

func renderHTML(w io.Writer, r *Report, _ Options) error { return errors.New("not written yet") }
