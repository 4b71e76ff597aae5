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
	if f, ok := e.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
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

// pace says how far a scan is, as attributes of a log line. The time left is
// reckoned from the objects listed so far.
func pace(p *logs.Progress, spent time.Duration) []any {
	objects, listed, lines := p.Objects.Load(), p.Listed.Load(), p.Lines.Load()
	a := []any{"objects", objects, "listed", listed, "bytes", p.Bytes.Load(), "lines", lines,
		"lines_per_s", int64(float64(lines) / max(spent.Seconds(), 0.001))}
	if objects > 0 && listed > objects {
		a = append(a, "eta_s", int64(spent.Seconds()*float64(listed-objects)/float64(objects)))
	}
	return a
}

// moveLine keeps one line on a terminal up to date and takes it away in the end.
func moveLine(f *os.File, p *logs.Progress, begin time.Time, done <-chan struct{}) {
	select {
	case <-done:
		return
	case <-time.After(lineAfter):
	}
	w := progress.NewWriter()
	w.SetOutputWriter(f)
	w.SetUpdateFrequency(lineEvery)
	w.SetTrackerLength(20)
	w.Style().Visibility = progress.StyleVisibility{ETA: true, Percentage: true, Tracker: true, Value: true}
	w.Style().Options.Separator = ""
	line := &progress.Tracker{Units: progress.Units{Notation: " objects", NotationPosition: progress.UnitsNotationPositionAfter, Formatter: progress.FormatNumber},
		AutoStopDisabled: true, RemoveOnCompletion: true}
	update := func() {
		line.UpdateMessage(fmt.Sprintf("%s, %s lines/s", progress.FormatBytes(p.Bytes.Load()),
			progress.FormatNumber(int64(float64(p.Lines.Load())/time.Since(begin).Seconds()))))
		line.UpdateTotal(max(1, p.Listed.Load()))
		line.SetValue(p.Objects.Load())
	}
	update()
	w.AppendTracker(line)
	rendered := make(chan struct{})
	go func() { w.Render(); close(rendered) }()
	tick := time.NewTicker(lineEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			line.MarkAsDone()
			w.Stop()
			<-rendered
			return
		case <-tick.C:
			update()
		}
	}
}
