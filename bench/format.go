package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A table is printed as Markdown, its cells padded so that it reads well as text, too.
type table struct {
	title string // a sentence or two above it
	head  []string
	rows  [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print(w io.Writer) {
	fmt.Fprintf(w, "%s\n\n", t.title)
	lines := append([][]string{t.head, nil}, t.rows...)
	width := make([]int, len(t.head))
	for _, cells := range lines {
		for i, cell := range cells {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	for n, cells := range lines {
		for i := range width {
			if n == 1 {
				fmt.Fprintf(w, "|%s:", strings.Repeat("-", width[i]+1))
				continue
			}
			fmt.Fprintf(w, "| %*s ", width[i], cells[i])
		}
		fmt.Fprintln(w, "|")
	}
	fmt.Fprintln(w)
}

const none = "-" // a cell that cannot be measured

// median of no values is 0.
func median[T cmp.Ordered](v []T) (m T) {
	if len(v) > 0 {
		m = quantile(slices.Sorted(slices.Values(v)), 0.5)
	}
	return m
}

// quantile returns the value of sorted below which a part q of them lies.
func quantile[T any](sorted []T, q float64) T {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// spread prints the median and, where there is more than one value, the least and the most.
func spread(v []float64) string {
	switch len(v) {
	case 0:
		return none
	case 1:
		return number(v[0])
	}
	return fmt.Sprintf("%s (%s-%s)", number(median(v)), number(slices.Min(v)), number(slices.Max(v)))
}

// number prints three digits that count.
func number(f float64) string {
	switch {
	case f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	case f >= 1:
		return fmt.Sprintf("%.2f", f)
	case f >= 0.1:
		return fmt.Sprintf("%.3f", f)
	}
	return fmt.Sprintf("%.4f", f)
}

// factor prints the median of a[i]/b[i], or - if there is nothing to divide.
func factor(a, b []float64) string {
	q := ratios(a, b)
	if len(q) == 0 {
		return none
	}
	return fmt.Sprintf("%.2f", median(q))
}

// ratios pairs the values of the same round.
func ratios(a, b []float64) (q []float64) {
	for i := range min(len(a), len(b)) {
		if b[i] > 0 {
			q = append(q, a[i]/b[i])
		}
	}
	return q
}

// sum adds the values of the same round.
func sum(vs ...[]float64) []float64 {
	var total []float64
	for i, v := range vs {
		if i == 0 {
			total = slices.Clone(v)
			continue
		}
		for n := range min(len(total), len(v)) {
			total[n] += v[n]
		}
	}
	return total
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// sizeName prints 4096 as 4K.
func sizeName(n int64) string {
	switch {
	case n >= mib:
		return fmt.Sprintf("%dM", n/mib)
	case n >= kib:
		return fmt.Sprintf("%dK", n/kib)
	}
	return fmt.Sprint(n)
}
