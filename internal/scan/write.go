package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/why403/why403/internal/awsx"
	"github.com/why403/why403/internal/report"
	"github.com/why403/why403/internal/state"
)

// WriteAll writes the report to each target, whole or not at all. A target is a
// file or an s3:// object; its suffix chooses the format.
func WriteAll(ctx context.Context, o Options, rep *report.Report, targets []string) error {
	var errs []error
	for _, t := range targets {
		if err := write(ctx, o, rep, t); err != nil {
			errs = append(errs, fmt.Errorf("--out %s: %w", t, bare(err)))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return &Error{errors.Join(errs...), "what stood there before is as it was; the other targets were written"}
}

func write(ctx context.Context, o Options, rep *report.Report, target string) error {
	format, ok := report.FormatOf(target)
	if !ok {
		return fmt.Errorf("no report type for this suffix")
	}
	if isS3(target) {
		var buf bytes.Buffer
		if err := report.Render(&buf, format, rep, report.Options{}); err != nil {
			return err
		}
		return put(ctx, o, target, format, buf.Bytes())
	}
	// A file beside the target is renamed over it when it is whole.
	f, err := os.CreateTemp(filepath.Dir(target), ".why403-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = report.Render(f, format, rep, report.Options{})
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), target)
}

// put writes an object of S3.
func put(ctx context.Context, o Options, target, format string, data []byte) error {
	clients, err := awsx.Open(ctx, o.AWS)
	if err != nil {
		return err
	}
	store, err := clients.Store(target)
	if err != nil {
		return err
	}
	_, err = store.Write(ctx, "", data, report.MediaType(format), state.Condition{})
	return err
}
