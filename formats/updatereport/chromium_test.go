package updatereport

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// chromium is a browser for one test, and a server of the pages that it may look at.
type chromium struct {
	path string
	base string // of the server
	dir  string

	mu    sync.Mutex
	asked []string // paths that the browser asked for
}

// startChromium skips where Chromium is not installed, and fails where it was promised.
func startChromium(t *testing.T, pages map[string][]byte) *chromium {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" || os.Getenv("CARDBATCH_REQUIRE") != "" {
			t.Fatalf("Chromium is required here: %v", err)
		}
		t.Skipf("Chromium is missing (package chromium): %v", err)
	}
	c := &chromium{path: path, dir: t.TempDir()}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.asked = append(c.asked, r.URL.Path)
		c.mu.Unlock()
		page, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page)
	}))
	t.Cleanup(server.Close)
	c.base = server.URL
	return c
}

// run starts the browser once, with a profile of its own, and returns what it prints. Names other
// than that of the server are not known to it.
func (c *chromium) run(t *testing.T, url string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	profile, err := os.MkdirTemp(c.dir, "profile")
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--virtual-time-budget=5000", "--enable-logging=stderr",
		"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--user-data-dir=" + profile,
	}, args...)
	cmd := exec.CommandContext(ctx, c.path, append(args, c.base+url)...)
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("chromium %s: %v\n%s", url, err, stderr.Bytes())
	}
	// What the page's own policy refuses, and what fails in its script, is told on the console.
	for line := range strings.Lines(stderr.String()) {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("%s: %s", url, line)
		}
	}
	return stdout.Bytes()
}

// dom returns the page as the browser has it once its script has run.
func (c *chromium) dom(t *testing.T, url string) string {
	t.Helper()
	return string(c.run(t, url, "--window-size=1280,900", "--dump-dom"))
}

// screenshot returns what the browser shows in a window of the size.
func (c *chromium) screenshot(t *testing.T, name, url string, width, height int, args ...string) image.Image {
	t.Helper()
	path := filepath.Join(c.dir, name+".png")
	c.run(t, url, append(args, fmt.Sprintf("--window-size=%d,%d", width, height), "--screenshot="+path)...)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	shot, err := png.Decode(file)
	if err != nil {
		t.Fatalf("%s is no PNG: %v", name, err)
	}
	if size := shot.Bounds().Size(); size != image.Pt(width, height) {
		t.Errorf("%s is %v, want %d by %d", name, size, width, height)
	}
	return shot
}

// phone is a page that shows another in a window as wide as a phone's: a window of the browser itself
// is never narrower than 500 pixels. It writes down what the page measures.
const phone = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><link rel="icon" href="data:,"></head><body style="margin:0">
<iframe id="phone" style="width:390px;height:1600px;border:0;display:block"></iframe><pre id="measured"></pre>
<script>
const frame = document.getElementById("phone");
frame.onload = () => {
  const page = frame.contentDocument, view = frame.contentWindow, row = page.querySelector("#records tbody tr");
  const wide = Array.from(page.body.querySelectorAll("*")).filter(e => !e.closest("svg, caption") && e.getBoundingClientRect().right > view.innerWidth + 1).map(e => e.tagName + "#" + e.id + "." + e.className);
  document.getElementById("measured").textContent = JSON.stringify({
    inner: view.innerWidth, scroll: page.documentElement.scrollWidth, wide: wide.slice(0, 5), records: page.querySelectorAll("#records tbody tr").length,
    cards: row !== null && view.getComputedStyle(row).display === "grid", label: row === null ? "" : view.getComputedStyle(row.cells[0], "::before").content,
  });
};
frame.src = location.search.slice(1) + location.hash;
</script></body></html>`

var measuredAt = regexp.MustCompile(`(?s)<pre id="measured">(.*?)</pre>`)

// shownRows returns the payment method ids of the rows that are not hidden.
func shownRows(dom string) (ids []string) {
	for _, row := range regexp.MustCompile(`(?s)<tr data-outcome="[^"]*" data-status="[^"]*"([^>]*)>.*?<th scope="row">(.*?)</th>`).FindAllStringSubmatch(dom, -1) {
		if !strings.Contains(row[1], "hidden") {
			ids = append(ids, row[2])
		}
	}
	return ids
}

func colours(shot image.Image) map[color.Color]int {
	seen := map[color.Color]int{}
	for y := shot.Bounds().Min.Y; y < shot.Bounds().Max.Y; y += 2 {
		for x := shot.Bounds().Min.X; x < shot.Bounds().Max.X; x += 2 {
			seen[shot.At(x, y)]++
		}
	}
	return seen
}

func TestABrowserShowsAndFiltersThePage(t *testing.T) {
	c := startChromium(t, map[string][]byte{
		"/standard.html": write(t, WriteHTML, head, records...), "/extended.html": write(t, WriteHTML, headExtended, records...),
		"/empty.html": write(t, WriteHTML, head), "/long.html": write(t, WriteHTML, head, many(2_500)...), "/phone.html": []byte(phone),
	})
	t.Run("its text is there", func(t *testing.T) {
		for page, want := range map[string][]string{
			"/standard.html": {"<h1>acme</h1>", "November 2026", ">23 of 23 records shown<", "<td>(empty)</td>", "No answer in time: 1", `href="#outcome=closed"`, "<td>=1+1</td>"},
			"/extended.html": {"23 of 23 records shown", "upd_paysafe_20261101_000017_1.csv.gpg", `no table has "=1+1", &lt;script&gt;alert(1)&lt;/script&gt;`, "411111******1111", "2026-11-02T19:05:01+02:00"},
			"/empty.html":    {"No card was changed in this period"},
		} {
			dom := c.dom(t, page)
			for _, text := range want {
				if !strings.Contains(dom, text) {
					t.Errorf("%s does not show %q", page, text)
				}
			}
			if page != "/empty.html" && len(shownRows(dom)) != len(records) {
				t.Errorf("%s shows %d rows, want %d", page, len(shownRows(dom)), len(records))
			}
		}
	})
	for _, test := range []struct {
		name, hash, says string
		want             []string
	}{
		{"an outcome", "#outcome=closed", "3 of 23 records shown: outcome Account closed", []string{"CUST-08", "CUST-09", "CUST-23"}},
		{"a status", "#status=Disabled", "5 of 23 records shown: billing status Disabled", []string{"CUST-08", "CUST-09", "CUST-10", "CUST-11", "CUST-23"}},
		{"a text, whatever its case", "#q=contacH", "1 of 23 records shown: text “contacH”", []string{"CUST-10"}},
		{"words of several columns", "#q=2026-10+closed", "1 of 23 records shown: text “2026-10 closed”", []string{"CUST-23"}},
		{"all together", "#q=cust-09&outcome=closed&status=Disabled", "1 of 23 records shown", []string{"CUST-09"}},
		{"what matches nothing", "#q=nobody", "0 of 23 records shown", nil},
		{"what no list has", "#outcome=%3Cscript%3E&status=no", "23 of 23 records shown", nil},
		{"an order", "#outcome=new_number&sort=-expiry", "4 of 23 records shown", []string{"CUST-03", "CUST-01", "CUST-20", "CUST-21"}},
	} {
		t.Run("the address filters by "+test.name, func(t *testing.T) {
			dom := c.dom(t, "/standard.html"+test.hash)
			got := shownRows(dom)
			if test.name == "what no list has" {
				if len(got) != len(records) {
					t.Errorf("%d rows are shown, want all", len(got))
				}
			} else if !slices.Equal(got, test.want) {
				t.Errorf("rows %v are shown, want %v", got, test.want)
			}
			if !strings.Contains(dom, `role="status">`+test.says) {
				t.Errorf("it does not say %q", test.says)
			}
		})
	}
	t.Run("of many records the first are listed, and all are looked through", func(t *testing.T) {
		for hash, want := range map[string]struct {
			rows int
			says string
		}{
			"":                {1000, "2,500 of 2,500 records shown; the first 1,000 are listed"},
			"#outcome=closed": {326, "326 of 2,500 records shown: outcome Account closed"},
		} {
			dom := c.dom(t, "/long.html"+hash)
			if got := len(shownRows(dom)); got != want.rows || !strings.Contains(dom, `role="status">`+want.says+"<") {
				t.Errorf("%q lists %d rows, want %d, or does not say %q", hash, got, want.rows, want.says)
			}
			if offered := strings.Contains(dom, `id="more">List all 2,500<`); offered != (hash == "") {
				t.Errorf("%q offers all: %v", hash, offered)
			}
		}
	})
	t.Run("a phone shows cards and does not scroll sideways", func(t *testing.T) {
		for page, rows := range map[string]int{"/standard.html": len(records), "/extended.html": len(records), "/empty.html": 0} {
			found := measuredAt.FindStringSubmatch(c.dom(t, "/phone.html?"+page))
			if found == nil || found[1] == "" {
				t.Fatalf("%s was not measured", page)
			}
			var m struct {
				Inner, Scroll, Records int
				Wide                   []string
				Cards                  bool
				Label                  string
			}
			if err := json.Unmarshal([]byte(html.UnescapeString(found[1])), &m); err != nil {
				t.Fatal(err)
			}
			if m.Inner != 390 || m.Scroll > m.Inner || len(m.Wide) > 0 {
				t.Errorf("%s is %d wide in a window of %d; beyond it: %v", page, m.Scroll, m.Inner, m.Wide)
			}
			if m.Records != rows || m.Cards != (rows > 0) || rows > 0 && m.Label != `"Merchant account number"` {
				t.Errorf("%s: %d rows, cards %v, labelled %s", page, m.Records, m.Cards, m.Label)
			}
		}
	})
	t.Run("screenshots are not blank, and dark where that is asked for", func(t *testing.T) {
		light := color.NRGBA{0xf4, 0xf5, 0xf8, 0xff}
		dark := color.NRGBA{0x10, 0x13, 0x1a, 0xff}
		for _, shot := range []struct {
			name, url     string
			width, height int
			ground        color.NRGBA
			args          []string
		}{
			{"desktop", "/standard.html", 1280, 1600, light, nil},
			{"desktop-extended", "/extended.html", 1280, 1600, light, nil},
			{"desktop-dark", "/standard.html", 1280, 1600, dark, []string{"--blink-settings=preferredColorScheme=0"}},
			{"phone", "/phone.html?/standard.html", 500, 1600, light, nil},
			{"phone-dark", "/phone.html?/standard.html", 500, 1600, dark, []string{"--blink-settings=preferredColorScheme=0"}},
		} {
			seen := map[color.NRGBA]int{}
			for found, n := range colours(c.screenshot(t, shot.name, shot.url, shot.width, shot.height, shot.args...)) {
				seen[color.NRGBAModel.Convert(found).(color.NRGBA)] += n
			}
			if len(seen) < 20 || seen[shot.ground] < 1000 {
				t.Errorf("%s has %d colours and %d points of its ground", shot.name, len(seen), seen[shot.ground])
			}
		}
	})
	t.Run("nothing else was asked for", func(t *testing.T) {
		c.mu.Lock()
		defer c.mu.Unlock()
		slices.Sort(c.asked)
		want := []string{"/empty.html", "/extended.html", "/long.html", "/phone.html", "/standard.html"}
		if got := slices.Compact(slices.Clone(c.asked)); !slices.Equal(got, want) {
			t.Errorf("the browser asked for %v, want %v", got, want)
		}
	})
}

func TestAPageNamesNoOtherPlace(t *testing.T) {
	for _, file := range [][]byte{write(t, WriteHTML, head, records...), write(t, WriteHTML, headExtended, records...), write(t, WriteHTML, head)} {
		for _, place := range []string{"http:", "https:", "//cdn", "@import", "url(", "src=", "fetch(", "XMLHttpRequest", "sendBeacon", " style=", " onclick="} {
			if bytes.Contains(file, []byte(place)) {
				t.Errorf("the page has %s", place)
			}
		}
		policy := regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindSubmatch(file)
		if policy == nil || !bytes.HasPrefix(policy[1], []byte("default-src 'none'; ")) || bytes.Contains(policy[1], []byte("unsafe")) {
			t.Errorf("its policy is %s", policy)
		}
	}
}
