package cli

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
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
		"lines_per_s", perSecond(p, spent)}
	if left := eta(objects, listed, spent); left > 0 {
		a = append(a, "eta_s", int64(left.Seconds()))
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
	lines := mpb.New(mpb.WithOutput(f), mpb.WithRefreshRate(lineEvery))
	bar := lines.New(p.Listed.Load(), mpb.BarStyle(),
		mpb.PrependDecorators(decor.Name("reading logs "), decor.CountersNoUnit("%d/%d ")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return volume(p, time.Since(begin)) })))
	tick := time.NewTicker(lineEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			bar.Abort(true)
			lines.Wait()
			return
		case <-tick.C:
			bar.SetTotal(p.Listed.Load(), false) // listing goes on beside reading
			bar.SetCurrent(p.Objects.Load())
		}
	}
}

// volume says how much was read, how fast, and how long the rest will take.
func volume(p *logs.Progress, spent time.Duration) string {
	s := fmt.Sprintf(" % .1f, %d lines/s", decor.SizeB1000(p.Bytes.Load()), perSecond(p, spent))
	if left := eta(p.Objects.Load(), p.Listed.Load(), spent); left > 0 {
		s += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	return s
}

func perSecond(p *logs.Progress, spent time.Duration) int64 {
	return int64(float64(p.Lines.Load()) / max(spent.Seconds(), 0.001))
}

// eta is reckoned from the objects listed so far, 0 if it can't be told.
func eta(objects, listed int64, spent time.Duration) time.Duration {
	if objects == 0 || listed <= objects {
		return 0
	}
	return time.Duration(float64(spent) * float64(listed-objects) / float64(objects))
}
