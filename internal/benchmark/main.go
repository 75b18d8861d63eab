// Command benchmark measures the program against bare loops in the same run, so
// that the figures are ratios and hold on a slow machine as on a fast one:
//
//   - reading and checking a file, against a bare encoding/csv read of it
//   - the whole night job, against a bare loop that posts the same bodies with the
//     same concurrency to the same simulator and stores nothing
//   - peak memory of the program at two file sizes
//   - the month of an account updater, phase by phase, at two sizes of the store
//
// `make bench` runs it; docs/benchmarks.md keeps a run.
package main

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"cardbatch/batch"
	"cardbatch/formats/batchfile"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/vault"
)

var (
	program     = flag.String("program", "bin/cardbatch", "the program under test")
	lines       = flag.Int("lines", 1_000_000, "lines of the large file")
	payments    = flag.Int("payments", 200_000, "payments of the whole run")
	concurrency = flag.Int("concurrency", 128, "calls in flight, of the program and of the bare loop")
	cards       = flag.Int("cards", 1_000_000, "stored cards of the larger store that an account updater is asked about")
	latency     = flag.Duration("latency", 5*time.Millisecond, "the simulator's")
	rounds      = flag.Int("rounds", 3, "rounds of each comparison; the median counts")
)

const wallets = 2000

func main() {
	flag.Parse()
	var err error
	switch flag.Arg(0) {
	case "":
		err = measure(reading, staging, wholeRun, accountUpdater)
	case "simulate":
		err = simulate()
	case "bare":
		err = bareLoop(flag.Arg(1), *payments, *concurrency)
	case "updater":
		err = measure(accountUpdater)
	case "fill", "select-month", "answer":
		err = updaterRole(flag.Args())
	default:
		err = errors.New("benchmark takes no arguments, or updater for that part alone")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchmark:", err)
		os.Exit(1)
	}
}

func measure(parts ...func(dir string) error) error {
	dir, err := os.MkdirTemp("", "cardbatch-benchmark")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Printf("%s, %d cores; medians of %d rounds\n\n", runtime.Version(), runtime.NumCPU(), *rounds)
	for _, part := range parts {
		if err := part(dir); err != nil {
			return err
		}
	}
	return nil
}

// reading compares reading and checking with a bare encoding/csv read.
func reading(dir string) error {
	path := filepath.Join(dir, "large.csv")
	if err := writePayments(path, "LARGE", 1, *lines); err != nil {
		return err
	}
	var ours, bare []time.Duration
	for range *rounds {
		for _, m := range []struct {
			times *[]time.Duration
			read  func(io.Reader) error
		}{{&bare, bareRead}, {&ours, checkedRead}} {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			began := time.Now()
			err = m.read(f)
			*m.times = append(*m.times, time.Since(began))
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
		}
	}
	a, b := median(ours), median(bare)
	fmt.Printf("read and check %d lines   %8.2fs  %9.0f lines/s\n", *lines, a.Seconds(), float64(*lines)/a.Seconds())
	fmt.Printf("bare encoding/csv read       %8.2fs  %9.0f lines/s   ours takes %.2f times as long (goal: at most 2)\n\n", b.Seconds(), float64(*lines)/b.Seconds(), a.Seconds()/b.Seconds())
	return nil
}

func bareRead(f io.Reader) error {
	r := csv.NewReader(bufio.NewReaderSize(f, 1<<20))
	r.Comma, r.ReuseRecord, r.FieldsPerRecord = ';', true, -1
	for {
		if _, err := r.Read(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func checkedRead(f io.Reader) error {
	r := batchfile.NewReader(f, batchfile.Options{})
	var l batch.Line
	for {
		findings, err := r.Read(&l)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if len(findings) > 0 {
			return fmt.Errorf("the benchmark's file has a finding: %v", findings[0])
		}
	}
}

// staging measures pull and check of the program itself: time and peak memory at two sizes.
func staging(dir string) error {
	for _, n := range []int{*lines / 10, *lines} {
		w, err := newWorkspace(filepath.Join(dir, fmt.Sprintf("stage-%d", n)), "http://127.0.0.1:1")
		if err != nil {
			return err
		}
		if err := writePayments(w.inbound("large.csv"), "LARGE", 1, n); err != nil {
			return err
		}
		took, peak, err := w.run("--only", "pull,check")
		if err != nil {
			return err
		}
		fmt.Printf("take, check and stage %8d lines durably  %8.2fs  %9.0f lines/s  peak memory %.1f MiB\n", n, took.Seconds(), float64(n)/took.Seconds(), peak)
		if err := os.RemoveAll(w.dir); err != nil {
			return err
		}
	}
	fmt.Println()
	return nil
}

// wholeRun compares the night job with the bare loop.
func wholeRun(dir string) error {
	var ours, bare []time.Duration
	var peak float64
	for round := range *rounds {
		took, memory, err := nightJob(filepath.Join(dir, fmt.Sprintf("night-%d", round)))
		if err != nil {
			return err
		}
		ours, peak = append(ours, took), max(peak, memory)
		took, err = bareRun()
		if err != nil {
			return err
		}
		bare = append(bare, took)
	}
	a, b := median(ours), median(bare)
	n := float64(*payments)
	fmt.Printf("whole run of %d payments  %8.2fs  %9.0f lines/s  peak memory %.1f MiB\n", *payments, a.Seconds(), n/a.Seconds(), peak)
	fmt.Printf("bare loop, nothing stored    %8.2fs  %9.0f calls/s  ours has %.2f of its rate (goal: at least 0.8)\n", b.Seconds(), n/b.Seconds(), b.Seconds()/a.Seconds())
	return nil
}

func nightJob(dir string) (time.Duration, float64, error) {
	stop, endpoint, err := startSimulator()
	if err != nil {
		return 0, 0, err
	}
	defer stop()
	w, err := newWorkspace(dir, endpoint)
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	if err := writeWallets(w.inbound("wallets.csv")); err != nil {
		return 0, 0, err
	}
	if _, _, err := w.run(); err != nil {
		return 0, 0, err
	}
	if err := writePayments(w.inbound("payments.csv"), "PAY", 2, *payments); err != nil {
		return 0, 0, err
	}
	took, peak, err := w.run()
	if err != nil {
		return 0, 0, err
	}
	approved, err := countApproved(filepath.Join(dir, "out", "payments.res.csv"))
	if err == nil && approved != *payments {
		err = fmt.Errorf("%d of %d payments were approved", approved, *payments)
	}
	return took, peak, err
}

// countApproved streams the RESULT: a child's peak memory, as the system tells it, is
// never below that of the process that started it, so this one must stay small.
func countApproved(path string) (n int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.Contains(lines.Text(), ";doImmediateWalletPayment;approved;") {
			n++
		}
	}
	return n, lines.Err()
}

func bareRun() (time.Duration, error) {
	stop, endpoint, err := startSimulator()
	if err != nil {
		return 0, err
	}
	defer stop()
	c := self("bare", endpoint)
	c.Stderr = os.Stderr
	began := time.Now()
	err = c.Run()
	return time.Since(began), err
}

func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}

// self is this program with a role, as a process of its own.
func self(args ...string) *exec.Cmd {
	return exec.Command(os.Args[0], append([]string{
		"-payments", fmt.Sprint(*payments), "-concurrency", fmt.Sprint(*concurrency), "-latency", latency.String(),
	}, args...)...)
}

// startSimulator starts a simulator in another process.
func startSimulator() (stop func(), endpoint string, err error) {
	c := self("simulate")
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return nil, "", err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := c.Start(); err != nil {
		return nil, "", err
	}
	stop = func() { _ = in.Close(); _ = c.Wait() }
	if _, err := fmt.Fscanln(out, &endpoint); err != nil {
		stop()
		return nil, "", fmt.Errorf("the simulator did not start: %w", err)
	}
	return stop, endpoint, nil
}

// simulate serves until its standard input ends.
func simulate() error {
	s, err := simulator.New(simulator.Options{Latency: *latency})
	if err != nil {
		return err
	}
	endpoint, err := s.Start("127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(endpoint)
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, s.Close())
}

// workspace is a configured installation of the program under test.
type workspace struct{ dir string }

func newWorkspace(dir, endpoint string) (workspace, error) {
	w := workspace{dir}
	for _, folder := range []string{"in", "out", "keys"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			return w, err
		}
	}
	return w, errors.Join(
		vault.Create(filepath.Join(dir, "keys", "vault.json")),
		os.WriteFile(filepath.Join(dir, "keys", "password"), []byte(stage.Password), 0o600),
		os.WriteFile(filepath.Join(dir, "cardbatch.yaml"), fmt.Appendf(nil, configuration, endpoint, stage.MerchantID, *concurrency), 0o600))
}

const configuration = `environment: TEST
merchants: [{id: acme}]
contracts: [{id: "1234567", merchant: acme, gateway: bank, unknown_series: send}]
gateways: [{name: bank, kind: mastercard, endpoint: %s, merchant_id: %s, password: "file:keys/password", concurrency: %d}]
sources:
  - name: acme
    merchants: [acme]
    inbound: {folder: in, ready: rename}
    outbound: {folder: out}
log: {level: error, format: text}
`

func (w workspace) inbound(name string) string { return filepath.Join(w.dir, "in", name) }

// run runs the program once and returns its time and its peak memory in MiB.
func (w workspace) run(args ...string) (time.Duration, float64, error) {
	c, err := w.cardbatch(append([]string{"run"}, args...)...)
	// 14: lines are queued, as they must be when only some steps run.
	if c.code == 14 && len(args) > 0 {
		err = nil
	}
	return c.took, c.peak, err
}

// cardbatch runs the program under test.
func (w workspace) cardbatch(args ...string) (child, error) {
	return runChild(exec.Command(*program, append([]string{"--config", filepath.Join(w.dir, "cardbatch.yaml")}, args...)...))
}

// child is a process that has ended.
type child struct {
	said string // on its standard output
	took time.Duration
	cpu  time.Duration // of the processor, in the program and in the system for it
	peak float64       // memory, MiB
	code int
}

func runChild(c *exec.Cmd) (child, error) {
	var said, complained strings.Builder
	c.Stdout, c.Stderr = &said, &complained
	began := time.Now()
	err := c.Run()
	done := child{said: said.String(), took: time.Since(began)}
	if c.ProcessState == nil {
		return done, err
	}
	done.code = c.ProcessState.ExitCode()
	done.cpu = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	done.peak = float64(c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) / 1024
	if err != nil {
		err = fmt.Errorf("%w\n%s%s", err, said.String(), complained.String())
	}
	return done, err
}

// writePayments writes a file of wallet payments: 15 columns, about 170 bytes a line,
// one line in ten with a quoted field.
func writePayments(path, ref string, sequence, n int) error {
	return writeFile(path, func(out *bufio.Writer) {
		fmt.Fprintf(out, "H;CARDBATCH;1;acme;%s;%d;TEST;2026-11-21T22:00:00Z\n", ref, sequence)
		fmt.Fprint(out, "C;line_ref;command;contract;wallet_id;card_index;order_ref;order_date;amount;currency;action;mode;source;soft_descriptor;private.shop;echo\n")
		total := 0
		for i := range n {
			amount := 1000 + i%5000
			total += amount
			echo := fmt.Sprintf("customer %d", i)
			if i%10 == 0 {
				echo = fmt.Sprintf(`"customer %d; renewed"`, i)
			}
			fmt.Fprintf(out, "D;INV-2026-11-%08d;doImmediateWalletPayment;1234567;CUST-%06d;1;ORDER-%08d;2026-11-21T10:00:00Z;%d;EUR;101;CPT;MERCHANT;ACME MONTHLY PLAN;paris-12;%s\n", i, i%wallets, i, amount, echo)
		}
		fmt.Fprintf(out, "T;%d;EUR:%d\n", n, total)
	})
}

func writeWallets(path string) error {
	return writeFile(path, func(out *bufio.Writer) {
		fmt.Fprint(out, "H;CARDBATCH;1;acme;WAL;1;TEST;2026-11-21T20:00:00Z\nC;line_ref;command;contract;wallet_id;card_number;card_expiry\n")
		for i := range wallets {
			fmt.Fprintf(out, "D;WAL-%06d;createWallet;1234567;CUST-%06d;5123450000000008;0139\n", i, i)
		}
		fmt.Fprintf(out, "T;%d\n", wallets)
	})
}

func writeFile(path string, write func(*bufio.Writer)) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(f, 1<<20)
	write(out)
	return errors.Join(out.Flush(), f.Close())
}
