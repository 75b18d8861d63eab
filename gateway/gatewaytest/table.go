package gatewaytest

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"cardbatch/batch"
	"cardbatch/gateway/simulator/stage"
)

// Table is what the suite saw: for each phase and command, how the call ended and how
// that was settled.
type Table struct {
	mu       sync.Mutex
	commands []batch.Command
	cells    map[cell]string
}

type cell struct {
	phase   stage.Phase
	command batch.Command
}

func (t *Table) set(phase stage.Phase, command batch.Command, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cells[cell{phase, command}] = text
}

// Markdown writes the table. Commands that behaved alike throughout share a column.
func (t *Table) Markdown() string {
	type column struct {
		name  string
		cells []string
	}
	var columns []column
	for _, command := range t.commands {
		var cells []string
		for _, info := range stage.Phases() {
			cells = append(cells, t.cells[cell{info.Phase, command}])
		}
		i := slices.IndexFunc(columns, func(c column) bool { return slices.Equal(c.cells, cells) })
		if i < 0 {
			columns = append(columns, column{string(command), cells})
		} else {
			columns[i].name += " " + string(command)
		}
	}
	var b strings.Builder
	b.WriteString("| Phase | What the caller sees | Carried out |")
	rule := "|---|---|---|"
	for _, c := range columns {
		fmt.Fprintf(&b, " %s |", c.name)
		rule += "---|"
	}
	b.WriteString("\n" + rule + "\n")
	for i, info := range stage.Phases() {
		carriedOut := "no"
		if info.Commits {
			carriedOut = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |", info.Phase, info.Says, carriedOut)
		for _, c := range columns {
			fmt.Fprintf(&b, " %s |", c.cells[i])
		}
		b.WriteString("\n")
	}
	return b.String()
}
