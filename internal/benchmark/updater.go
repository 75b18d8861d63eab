package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
	"cardbatch/store/sqlite"
)

// The account updater is measured at two sizes of the store. Each phase is a process of its own,
// the program itself but for the walk through the cards of the month, which it has no command
// for. Cost that is linear gives about the same per record at both sizes, memory that is flat
// about the same peak. Where other work disturbs the clock, the processor's time still tells.

// share is how many of the stored cards expire this month: one in so many.
type share int

const (
	oneMonth share = 12 // as they are spread over a year
	allCards share = 1  // the worst case
)

// The days on which the phases happen, of the month in which the cards expire.
const (
	askedAt    = "2026-12-01T02:00:00Z"
	answeredAt = "2026-12-03T18:00:00Z"
	reportedAt = "2026-12-05T02:00:00Z"
)

// phase is what is measured by itself.
type phase struct {
	name string
	// do carries it out once and tells how many records it took.
	do func(w updaterWorkspace) (records int, c child, err error)
	// again reports whether it changes nothing, so that it can be repeated.
	again bool
}

var phases = []phase{
	{"select, each card told why", updaterWorkspace.selectAll, true},
	{"select the month by index", updaterWorkspace.selectMonth, true},
	{"request: open, encrypt, put", updaterWorkspace.request, false},
	{"response: decrypt, decide, apply", updaterWorkspace.response, false},
	{"report csv, standard", report("csv", "standard"), true},
	{"report csv, extended", report("csv", "extended"), true},
	{"report html, standard", report("html", "standard"), true},
	{"report html, extended", report("html", "extended"), true},
}

// long is how long a phase may take and be repeated.
const long = 10 * time.Second

// figure is what one phase took at one size, medians of its rounds.
type figure struct {
	records   int
	took, cpu time.Duration
	peak      float64 // MiB
}

func (f figure) each(d time.Duration) float64 { return float64(d) / float64(f.records) }

// accountUpdater measures the month of an account updater.
func accountUpdater(dir string) error {
	for _, s := range []share{oneMonth, allCards} {
		began := time.Now()
		figures, err := updaterMonth(dir, []int{*cards / 4, *cards}, s)
		if err != nil {
			return err
		}
		spread := "all expire this month"
		if s != allCards {
			spread = fmt.Sprintf("one in %d expires this month", s)
		}
		fmt.Printf("\naccount updater, %d and %d stored cards, %s (%.0fs)\n", *cards/4, *cards, spread, time.Since(began).Seconds())
		fmt.Printf("%-33s %9s %10s %10s %6s %7s %9s %9s\n", "", "records", "records/s", "records/s", "ratio", "cpu µs", "cpu ratio", "peak MiB")
		for i, p := range phases {
			a, b := figures[i][0], figures[i][1]
			fmt.Printf("%-33s %9d %10.0f %10.0f %6.2f %7.1f %9.2f %4.0f %4.0f\n", p.name, b.records,
				float64(time.Second)/a.each(a.took), float64(time.Second)/b.each(b.took), b.each(b.took)/a.each(a.took),
				b.each(b.cpu)/float64(time.Microsecond), b.each(b.cpu)/a.each(a.cpu), a.peak, b.peak)
		}
	}
	fmt.Println("ratio: cost of a record in the larger store to that in the smaller one; at most 1 is linear")
	return nil
}

// updaterMonth plays the phases with stores of the sizes, turn by turn, so that what else the
// machine does is alike for them. The figures are by phase, then by size.
func updaterMonth(dir string, sizes []int, s share) (figures [][]figure, err error) {
	var all []updaterWorkspace
	for _, n := range sizes {
		w := updaterWorkspace{workspace{filepath.Join(dir, fmt.Sprintf("updater-%d-%d", s, n))}, n, s}
		if _, err := w.role("fill", fmt.Sprint(n), fmt.Sprint(int(s))); err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	for _, p := range phases {
		of := make([]figure, len(all))
		took, cpu, peak := make([][]time.Duration, len(all)), make([][]time.Duration, len(all)), make([][]float64, len(all))
		for round := range *rounds {
			slow := false
			for i, w := range all {
				records, c, err := p.do(w)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", p.name, err)
				}
				of[i].records = records
				took[i], cpu[i], peak[i] = append(took[i], c.took), append(cpu[i], c.cpu), append(peak[i], c.peak)
				slow = slow || c.took > long
			}
			if !p.again || slow && round == 0 {
				break
			}
		}
		for i := range of {
			of[i].took, of[i].cpu, of[i].peak = median(took[i]), median(cpu[i]), median(peak[i])
		}
		figures = append(figures, of)
	}
	for _, w := range all {
		err = errors.Join(err, os.RemoveAll(w.dir))
	}
	return figures, err
}

// updaterWorkspace is an installation with an account updater whose folders are on this machine.
type updaterWorkspace struct {
	workspace
	cards int
	share share
}

// due is how many cards the updater has to be asked about.
func (w updaterWorkspace) due() int { return (w.cards + int(w.share) - 1) / int(w.share) }

// role runs one of this program's roles in a process of its own and returns what it printed.
func (w updaterWorkspace) role(name string, args ...string) (child, error) {
	return runChild(self(append([]string{name, w.dir}, args...)...))
}

// updaterRole runs a role: its name and its folder, and for fill how many cards there are and
// one in how many expires this month.
func updaterRole(args []string) error {
	number := func(i int) int {
		n, _ := strconv.Atoi(args[i])
		return n
	}
	switch {
	case args[0] == "fill" && len(args) == 4:
		return fillUpdater(args[1], number(2), share(number(3)))
	case args[0] == "select-month" && len(args) == 2:
		return selectMonth(args[1])
	case args[0] == "answer" && len(args) == 2:
		return answer(args[1])
	}
	return fmt.Errorf("role %s does not take %d arguments", args[0], len(args)-1)
}

// told runs the program at a time and reads the JSON that it prints.
func (w updaterWorkspace) told(at string, into any, args ...string) (child, error) {
	c, err := w.cardbatch(append([]string{"--clock", at, "--json"}, args...)...)
	if err == nil {
		err = json.Unmarshal([]byte(c.said), into)
	}
	return c, err
}

// counted is an error unless as many records were taken as there were.
func counted(what string, got, want int) error {
	if got != want {
		return fmt.Errorf("%d %s, want %d", got, what, want)
	}
	return nil
}

// selectAll looks at every card without asking about it.
func (w updaterWorkspace) selectAll() (int, child, error) {
	var said []struct {
		Cards    int `json:"cards"`
		Selected int `json:"selected"`
	}
	c, err := w.told(askedAt, &said, "updater", "select", "--dry-run")
	if err != nil {
		return 0, child{}, err
	}
	err = errors.Join(counted("cards looked at", said[0].Cards, w.cards), counted("cards selected", said[0].Selected, w.due()))
	return w.cards, c, err
}

// selectMonth walks through the cards that expire this month.
func (w updaterWorkspace) selectMonth() (int, child, error) {
	c, err := w.role("select-month")
	if err == nil {
		selected, _ := strconv.Atoi(strings.TrimSpace(c.said))
		err = counted("cards of the month", selected, w.due())
	}
	return w.due(), c, err
}

// request selects the cards of the month and sends the requests about them, as the first run of
// a month does.
func (w updaterWorkspace) request() (int, child, error) {
	var said struct {
		Asked int `json:"updates_asked"`
	}
	c, err := w.told(askedAt, &said, "run", "--only", "enrol")
	if err == nil {
		err = counted("cards asked about", said.Asked, w.due())
	}
	return w.due(), c, err
}

// response has the provider answer, which is not measured, and takes the answers.
func (w updaterWorkspace) response() (int, child, error) {
	answered, err := w.role("answer")
	if err != nil {
		return 0, child{}, err
	}
	var tally answerTally
	if err := json.Unmarshal([]byte(answered.said), &tally); err != nil {
		return 0, child{}, err
	}
	var said struct {
		Updated    int `json:"cards_updated"`
		Disabled   int `json:"cards_disabled"`
		Exceptions int `json:"update_exceptions"`
		GivenUp    int `json:"updates_given_up"`
	}
	c, err := w.told(answeredAt, &said, "updater", "ingest")
	if err == nil {
		err = errors.Join(counted("cards answered about", tally.Cards, w.due()), counted("cards changed", said.Updated, tally.Renewed),
			counted("cards disabled", said.Disabled, tally.Ended), counted("odd records", said.Exceptions+said.GivenUp, 0))
	}
	return w.due(), c, err
}

// report makes a report of the month and throws it away.
func report(format, fields string) func(updaterWorkspace) (int, child, error) {
	return func(w updaterWorkspace) (int, child, error) {
		var said struct{ Records int }
		c, err := w.told(reportedAt, &said, "updater", "report", "--format", format, "--fields", fields)
		if err == nil && fields == "extended" {
			err = counted("records reported", said.Records, w.due())
		}
		return said.Records, c, err
	}
}

// selectMonth is the role that walks through the cards of the month, as the exchange does.
func selectMonth(dir string) error {
	ctx, now := context.Background(), moment(askedAt)
	st, err := sqlite.Open(ctx, databaseOf(dir), sqlite.Options{Environment: batch.Test})
	if err != nil {
		return err
	}
	defer st.Close()
	selected := 0
	q := store.CandidateQuery{Merchant: merchant, Contract: contract, Updater: updaterName, Expiry: now.Format("0106")}
	for c, err := range st.Candidates(ctx, q) {
		if err != nil {
			return err
		}
		if batch.SelectForUpdate(&c, []string{batch.TypeVisa, batch.TypeMastercard}, now) == batch.Selected {
			selected++
		}
	}
	fmt.Println(selected)
	return nil
}
