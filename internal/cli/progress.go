package cli

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
	"golang.org/x/term"

	"github.com/why403/why403/logs"
)

// Long work is told of on standard error: by one line that moves on a terminal,
// else by a log line from time to time.
const (
	lineAfter = time.Second // shorter work is not told of
	lineEvery = 200 * time.Millisecond
	logEvery  = 30 * time.Second
)

// showProgress tells of a scan until stop is called. log is where lines go when
// standard error is no terminal.
func showProgress(e *env, p *logs.Progress, log *slog.Logger) (stop func()) {
	begin := time.Now()
	done := make(chan struct{})
	var told sync.WaitGroup
	if f, ok := e.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		told.Go(func() { moveLine(f, p, begin, done) })
	} else {
		told.Go(func() {
			tick := time.NewTicker(logEvery)
			defer tick.Stop()
			for {
				select {
				case <-done:
					return
				case <-tick.C:
					log.Info("reading logs", pace(p, time.Since(begin))...)
				}
			}
		})
	}
	return sync.OnceFunc(func() {
		close(done)
		told.Wait()
	})
}

// pace says how far a scan is, as attributes of a log line.
func pace(p *logs.Progress, spent time.Duration) []any {
	objects, listed, lines := p.Objects.Load(), p.Listed.Load(), p.Lines.Load()
	a := []any{"objects", objects, "listed", listed, "bytes", p.Bytes.Load(), "lines", lines,
		"lines_per_s", int64(float64(lines) / max(spent.Seconds(), 0.001))}
	if left := eta(objects, listed, spent); left > 0 {
		a = append(a, "eta_s", int64(left.Seconds()))
	}
	return a
}

// moveLine keeps one line on a terminal up to date and takes it away in the end.
func moveLine(f *os.File, p *logs.Progress, begin time.Time, done <-chan struct{}) {
	const clear = "\r\x1b[K"
	tick := time.NewTicker(lineEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			if time.Since(begin) > lineAfter {
				fmt.Fprint(f, clear)
			}
			return
		case <-tick.C:
			if spent := time.Since(begin); spent > lineAfter && p.Listed.Load() > 0 {
				line := paceLine(p, spent)
				if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
					line = line[:min(len(line), width-1)]
				}
				fmt.Fprint(f, clear+line)
			}
		}
	}
}

// paceLine says how far a scan is, in ASCII.
func paceLine(p *logs.Progress, spent time.Duration) string {
	objects, listed := p.Objects.Load(), p.Listed.Load()
	line := fmt.Sprintf("reading logs: %d of %d objects, %s, %s lines/s", objects, listed,
		progress.FormatBytes(p.Bytes.Load()), progress.FormatNumber(int64(float64(p.Lines.Load())/spent.Seconds())))
	if left := eta(objects, listed, spent); left > 0 {
		line += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	return line
}

// eta is reckoned from the objects listed so far, 0 if it can't be told.
func eta(objects, listed int64, spent time.Duration) time.Duration {
	if objects == 0 || listed <= objects {
		return 0
	}
	return time.Duration(float64(spent) * float64(listed-objects) / float64(objects))
}
