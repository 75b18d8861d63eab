package smartbill_test

import (
	"fmt"
	"os"
	"testing"

	"pgregory.net/rapid"

	"cardbatch/gateway"
	"cardbatch/gateway/simulator/amex"
)

func amexEvent(alias, status string) amex.Event { return amex.Event{Alias: alias, Status: status} }

// settle plays the program's lives until one is not cut short: a batch that is provably not
// sent is sent again, any other is fetched.
func settle(t fatal, w *world, b gateway.Batch, lives []int, round func()) {
	t.Helper()
	ctx := background
	w.desk.rise(lives[0])
	err := w.Send(ctx, b)
	for _, life := range append(lives[1:], -1, -1) {
		if err != nil && gateway.IsNotSent(err) {
			if w.desk.files[b.Name] != nil {
				t.Fatalf("not sent, but it has a file: %v", err)
			}
			w.desk.rise(life)
			err = w.Send(ctx, b)
			continue
		}
		round()
		w.desk.rise(life)
		_, err = w.Fetch(ctx, b)
	}
	if err != nil {
		t.Fatalf("a life without death: %v", err)
	}
}

func checkOnce(t fatal, w *world, batches ...gateway.Batch) {
	t.Helper()
	w.work(t)
	w.desk.rise(-1)
	got := w.charged()
	if len(got) != len(batches) {
		t.Fatalf("American Express got %d files, want %d: %+v", len(got), len(batches), got)
	}
	for _, f := range got {
		if f.Refused != "" || f.Gap {
			t.Fatalf("%s: refused %q, gap %v", f.Name, f.Refused, f.Gap)
		}
	}
	for _, b := range batches {
		replies, err := w.Fetch(background, b)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range b.Requests {
			if n := w.amex.Charges(string(r.Key)); n != 1 {
				t.Fatalf("%s was charged %d times", r.OrderRef, n)
			}
			if replies[i].Err != nil || replies[i].State != "approved" {
				t.Fatalf("%s: %s, %v", r.OrderRef, replies[i].State, replies[i].Err)
			}
		}
	}
}

// The program dies at any step of Send, and again at any step of the Fetch that goes on, and
// American Express fetches the file at once or later.
func TestWhereverItDiesTwiceTheFileArrivesOnce(t *testing.T) {
	const steps = 9 // of Send; a tenth is beyond its end
	for _, hasty := range []bool{false, true} {
		for first := range steps + 1 {
			for second := range steps + 1 {
				w := newWorld(t, t.TempDir(), nil)
				w.enrol(t, alias("a"), alias("b"))
				if hasty {
					w.desk.fetched = func() { w.work(t) }
				}
				b := batchOf(payment("a"), payment("b"))
				t.Run(fmt.Sprint("steps ", first, " and ", second, ", fetched at once ", hasty), func(t *testing.T) {
					settle(t, w, b, []int{first, second}, func() {})
					checkOnce(t, w, b)
				})
			}
		}
	}
	w := newWorld(t, t.TempDir(), nil)
	if err := w.Send(t.Context(), batchOf(payment("a"))); err != nil || w.desk.steps != steps {
		t.Errorf("send has %d steps, want %d: the test does not see all (%v)", w.desk.steps, steps, err)
	}
}

// Whatever dies, and however often, American Express gets each file once, without gaps, and
// charges each key once.
func TestWhateverDiesEachKeyIsChargedOnce(t *testing.T) {
	parent := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(parent, "world")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		w := newWorld(t, dir, nil)
		if rapid.Bool().Draw(t, "fetched at once") {
			w.desk.fetched = func() { w.work(t) }
		}
		var all []gateway.Batch
		for i := range rapid.IntRange(1, 3).Draw(t, "batches") {
			var reqs []gateway.Request
			for j := range rapid.IntRange(1, 4).Draw(t, "lines") {
				name := fmt.Sprintf("%d-%d", i, j)
				w.enrol(t, alias(name))
				reqs = append(reqs, payment(name))
			}
			b := batchOf(reqs...)
			lives := rapid.SliceOfN(rapid.IntRange(0, 11), 1, 6).Draw(t, "lives")
			settle(t, w, b, lives, func() {
				if rapid.Bool().Draw(t, "works") {
					w.work(t)
				}
			})
			all = append(all, b)
		}
		checkOnce(t, w, all...)
	})
}
