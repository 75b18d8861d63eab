package payline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/wire"
)

// basePath is where the services lie on a host; a directory names another base.
const basePath = "/V4/services/"

// How long the directory's answer is good, in its own words or by default, and after
// what time a directory that failed is asked again.
const (
	defaultTTL = 60 * time.Second
	longestTTL = 24 * time.Hour
)

// place is one endpoint of the account.
type place struct {
	base   string // of the services, from scheme to the last slash
	path   string
	caller *wire.Caller
}

// places are the endpoints in the order in which they are tried.
type places struct {
	configured []*place
	options    wire.Options // of every caller; its Endpoint is each place's own
	directory  *directory   // nil: none

	mu    sync.Mutex
	known map[string]*place // by base: callers keep their connections
	list  []*place
}

type directory struct {
	path   string
	caller *wire.Caller
	clock  func() time.Time
	mu     sync.Mutex
	until  time.Time // the list is good; zero before the first answer
}

// pathForm is what a path may hold: nothing that would have to be escaped.
var pathForm = regexp.MustCompile(`^[0-9A-Za-z/._-]*$`)

// askOnce asks for a password until it is told, for all places together.
func askOnce(ask func() (string, error)) func() (string, error) {
	var mu sync.Mutex
	var told string
	return func() (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if told != "" {
			return told, nil
		}
		password, err := ask()
		if err == nil {
			told = password
		}
		return password, err
	}
}

// newPlaces reads the configured endpoints. They must be of one environment.
func newPlaces(config *Config, clock func() time.Time) (*places, batch.Mode, error) {
	p := &places{
		known: map[string]*place{},
		options: wire.Options{
			Kind: Kind, User: config.MerchantID, Password: askOnce(config.Password),
			RootCAs: config.RootCAs, Timeout: config.Timeout, MaxConns: config.MaxConns,
		},
	}
	var environment batch.Mode
	for _, text := range append([]string{config.Endpoint}, config.Fallbacks...) {
		u, err := wire.ParseEndpoint(text)
		if err != nil {
			return nil, "", err
		}
		if e := environmentOf(u.Hostname()); environment == "" {
			environment = e
		} else if e != environment {
			return nil, "", errors.New("the endpoints are of different environments")
		}
		p.configured = append(p.configured, p.at(u, basePath))
	}
	p.list = p.configured
	if config.Directory == "" {
		return p, environment, nil
	}
	u, err := url.Parse(config.Directory)
	if err != nil || u.Path == "" || !pathForm.MatchString(u.Path) || u.RawQuery != "" || u.Fragment != "" {
		return nil, "", errors.New("the directory must be https://host/path")
	}
	path := u.Path
	u.Path = ""
	if u, err = wire.ParseEndpoint(u.String()); err != nil {
		return nil, "", fmt.Errorf("the directory: %w", err)
	}
	if environmentOf(u.Hostname()) != environment {
		return nil, "", errors.New("endpoint and directory are of different environments")
	}
	options := p.options
	options.Endpoint = u
	p.directory = &directory{path: path, caller: wire.New(options), clock: clock}
	return p, environment, nil
}

// environmentOf: hosts of the homologation say so in their first label (facts, section
// 2.1). Whatever does not say so is live.
func environmentOf(host string) batch.Mode {
	label, _, _ := strings.Cut(strings.ToLower(host), ".")
	if wire.IsLoopback(host) || label == "homologation" || strings.HasPrefix(label, "homologation-") {
		return batch.Test
	}
	return batch.Live
}

// at is the place with the services under a path of a host.
func (p *places) at(host *url.URL, path string) *place {
	base := host.Scheme + "://" + host.Host + path
	if known, ok := p.known[base]; ok {
		return known
	}
	options := p.options
	options.Endpoint = host
	made := &place{base: base, path: path, caller: wire.New(options)}
	p.known[base] = made
	return made
}

// inOrder lists the places to try.
func (p *places) inOrder(ctx context.Context) []*place {
	if p.directory != nil {
		p.refresh(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.list
}

// prefer puts a place that answered first, until the directory says otherwise.
func (p *places) prefer(answered *place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []*place{answered}
	for _, other := range p.list {
		if other != answered {
			list = append(list, other)
		}
	}
	p.list = list
}

// refresh asks the directory once its last answer has aged. A directory that fails changes
// nothing, and who comes meanwhile does not wait for it.
func (p *places) refresh(ctx context.Context) {
	d := p.directory
	if !d.mu.TryLock() {
		return
	}
	defer d.mu.Unlock()
	now := d.clock()
	if now.Before(d.until) {
		return
	}
	answer, err := d.ask(ctx)
	d.until = now.Add(defaultTTL)
	if err != nil {
		return
	}
	if answer.TTL > 0 {
		d.until = now.Add(min(time.Duration(min(answer.TTL, 1<<20))*time.Second, longestTTL))
	}
	p.take(answer.URLs)
}

// directoryAnswer is what a directory says: bases without their last part, and seconds.
type directoryAnswer struct {
	URLs []string `json:"urls"`
	TTL  int64    `json:"ttl"`
}

func (d *directory) ask(ctx context.Context) (answer directoryAnswer, err error) {
	const mediaType = "application/json"
	request := wire.Request{Method: http.MethodGet, Path: d.path, Accept: mediaType, Anonymous: true}
	r, err := d.caller.Call(ctx, request, func(body []byte) error { return json.Unmarshal(body, &answer) }, mediaType)
	if err == nil && (r.Status != http.StatusOK || r.Defect != "") {
		err = errors.New("payline: the directory gave no list")
	}
	return answer, err
}

// take makes the list of a directory ours, with the configured endpoints at its end. What
// is not of our environment and domain is left out: credentials and card numbers go there.
func (p *places) take(urls []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []*place
	add := func(one *place) {
		for _, have := range list {
			if have == one {
				return
			}
		}
		list = append(list, one)
	}
	for _, text := range urls[:min(len(urls), 16)] {
		u, err := url.Parse(text)
		if err != nil || u.RawQuery != "" || u.Fragment != "" || !pathForm.MatchString(u.Path) {
			continue
		}
		path := strings.TrimRight(u.Path, "/") + "/services/"
		u.Path = ""
		if u, err = wire.ParseEndpoint(u.String()); err != nil || !p.trusted(u.Hostname()) {
			continue
		}
		add(p.at(u, path))
	}
	for _, one := range p.configured {
		add(one)
	}
	p.list = list
}

// trusted reports whether a host is of the domain and the environment of the endpoint.
func (p *places) trusted(host string) bool {
	own, err := url.Parse(p.configured[0].base)
	return err == nil && environmentOf(host) == environmentOf(own.Hostname()) && domain(host) == domain(own.Hostname())
}

// domain is the last two labels of a host, or this machine.
func domain(host string) string {
	if wire.IsLoopback(host) {
		return "loopback"
	}
	labels := strings.Split(strings.ToLower(host), ".")
	return strings.Join(labels[max(len(labels)-2, 0):], ".")
}

// close drops idle connections.
func (p *places) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, one := range p.known {
		errs = append(errs, one.caller.Close())
	}
	if p.directory != nil {
		errs = append(errs, p.directory.caller.Close())
	}
	return errors.Join(errs...)
}

// exchange asks one endpoint after another as long as the operation allows it, and
// returns the last reply. Its error is a *gateway.Error.
func (c *Client) exchange(ctx context.Context, op operation, write func(*encoder), version int) (r reply, err error) {
	body := wire.NewBuffer()
	defer wire.Recycle(body)
	e := encoder{version: version, now: c.clock(), seriesActions: c.config.SeriesActions}
	e.Buf = *body
	e.message(op.name, write)
	*body = e.Buf

	request := wire.Request{
		Method: http.MethodPost, Accept: mediaType, ContentType: mediaType + "; charset=utf-8", Body: *body,
		Header: [][2]string{{"SOAPAction", `"` + op.name + `"`}},
	}
	own := len(request.Header)
	started := c.clock()
	sent := false
	for i, at := range c.places.inOrder(ctx) {
		begun := c.clock()
		request.Path = at.path + op.service
		r = reply{operation: op.name, repeated: sent}
		r.Reply, err = at.caller.Call(ctx, request, r.decode, mediaType)
		if sent {
			err = wire.AsSent(err) // of an earlier try
		}
		sent = sent || !gateway.IsNotSent(err)
		cause := c.failure(op, &r, err, started)
		if cause == "" || ctx.Err() != nil {
			if cause == "" && i > 0 {
				c.places.prefer(at)
			}
			break
		}
		request.Header = append(request.Header[:own:own],
			[2]string{"x-failover-cause", cause},
			[2]string{"x-failover-duration", strconv.FormatInt(c.clock().Sub(begun).Milliseconds(), 10)},
			[2]string{"x-failover-origin", at.base},
			[2]string{"x-failover-index", strconv.Itoa(i + 1)})
	}
	return r, err
}

// Causes of a failover, as the vendor's own client names them.
const (
	causeTimeout = "TIMEOUT"
	causeHTTP    = "HTTP_"
	causeAnswer  = "APP_"
)

// failure says why the next endpoint is to be asked; empty: it is not. See the package
// comment for what allows it.
func (c *Client) failure(op operation, r *reply, err error, started time.Time) (cause string) {
	switch {
	case gateway.IsNotSent(err):
		return causeTimeout // nothing was written here: whatever the operation
	case op.repeat == never,
		op.repeat == vendors && c.clock().Sub(started) >= c.config.ReplayWindow:
		return ""
	case err != nil:
		return causeTimeout
	}
	switch r.Status {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return causeHTTP + strconv.Itoa(r.Status)
	}
	if code := r.response.code(); code == "02101" || code == "04901" {
		return causeAnswer + code
	}
	if op.repeat == readsOnly && (r.Defect != "" || r.Status/100 == 5) {
		return causeHTTP + strconv.Itoa(r.Status)
	}
	return ""
}
