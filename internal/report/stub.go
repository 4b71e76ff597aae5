package report

import (
	"errors"
	"io"
)

func renderMarkdown(w io.Writer, r *Report, _ Options) error { return errors.New("not written yet") }
func renderHTML(w io.Writer, r *Report, _ Options) error     { return errors.New("not written yet") }
func renderCSV(w io.Writer, r *Report, _ Options) error      { return errors.New("not written yet") }
func renderParquet(w io.Writer, r *Report, _ Options) error  { return errors.New("not written yet") }
