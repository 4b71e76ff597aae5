package policy

import (
	"fmt"
	"strings"
)

// diffContext is the number of unchanged lines around a change.
const diffContext = 3

// maxDiffCells bounds the table of the comparison; larger texts are shown as replaced whole.
const maxDiffCells = 4 << 20

// Diff returns the unified diff of two texts under the given names; empty when they are equal.
func Diff(oldName, newName string, oldText, newText []byte) string {
	a, b := splitLines(string(oldText)), splitLines(string(newText))
	edits := diffLines(a, b)
	var out strings.Builder
	for i := 0; i < len(edits); {
		if edits[i].kind == ' ' {
			i++
			continue
		}
		// A hunk goes on until more than twice the context is unchanged.
		start, end := i, i+1
		for j := end; j < len(edits) && j-end < 2*diffContext+1; j++ {
			if edits[j].kind != ' ' {
				end = j + 1
			}
		}
		from, to := max(0, start-diffContext), min(len(edits), end+diffContext)
		if out.Len() == 0 {
			fmt.Fprintf(&out, "--- %s\n+++ %s\n", oldName, newName)
		}
		writeHunk(&out, edits[from:to])
		i = to
	}
	return out.String()
}

func splitLines(s string) []string {
	s = strings.TrimSuffix(s, "\n")
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// An edit is one line of a diff: kept ' ', taken '-' or added '+', and how many old and new lines stand before it.
type edit struct {
	kind         byte
	line         string
	oldAt, newAt int
}

func writeHunk(out *strings.Builder, edits []edit) {
	var olds, news int
	for _, e := range edits {
		olds += b2i(e.kind != '+')
		news += b2i(e.kind != '-')
	}
	fmt.Fprintf(out, "@@ -%s +%s @@\n", hunkRange(edits[0].oldAt, olds), hunkRange(edits[0].newAt, news))
	for _, e := range edits {
		fmt.Fprintf(out, "%c%s\n", e.kind, e.line)
	}
}

// hunkRange is "first line,count"; of no lines, the line before.
func hunkRange(before, count int) string {
	switch count {
	case 0:
		return fmt.Sprintf("%d,0", before)
	case 1:
		return fmt.Sprint(before + 1)
	}
	return fmt.Sprintf("%d,%d", before+1, count)
}

// diffLines compares by the longest common subsequence of lines.
func diffLines(a, b []string) []edit {
	var edits []edit
	i, j := 0, 0
	emit := func(kind byte, line string) {
		edits = append(edits, edit{kind, line, i, j})
		i += b2i(kind != '+')
		j += b2i(kind != '-')
	}
	for i < len(a) && j < len(b) && a[i] == b[j] {
		emit(' ', a[i])
	}
	endA, endB := len(a), len(b)
	for endA > i && endB > j && a[endA-1] == b[endB-1] {
		endA--
		endB--
	}
	// common[x][y] is the length of the longest common subsequence of a[i+x:endA] and b[j+y:endB].
	rows, cols := endA-i+1, endB-j+1
	if rows*cols <= maxDiffCells {
		common := make([][]int32, rows)
		cells := make([]int32, rows*cols)
		for x := range common {
			common[x] = cells[x*cols : (x+1)*cols]
		}
		fromA, fromB := i, j
		for x := rows - 2; x >= 0; x-- {
			for y := cols - 2; y >= 0; y-- {
				if a[fromA+x] == b[fromB+y] {
					common[x][y] = common[x+1][y+1] + 1
				} else {
					common[x][y] = max(common[x+1][y], common[x][y+1])
				}
			}
		}
		for i < endA && j < endB {
			switch x, y := i-fromA, j-fromB; {
			case a[i] == b[j]:
				emit(' ', a[i])
			case common[x+1][y] >= common[x][y+1]:
				emit('-', a[i])
			default:
				emit('+', b[j])
			}
		}
	}
	for i < endA {
		emit('-', a[i])
	}
	for j < endB {
		emit('+', b[j])
	}
	for i < len(a) {
		emit(' ', a[i])
	}
	return edits
}
