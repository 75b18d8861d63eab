package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway/simulator/stage"
)

// bareLoop is what any program must do at least: post the bodies and read the
// answers. It knows its tokens, checks nothing and stores nothing.
func bareLoop(endpoint string, payments, concurrency int) error {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxConnsPerHost, transport.MaxIdleConnsPerHost, transport.MaxIdleConns = concurrency, concurrency, concurrency
	b := bare{
		client: &http.Client{Transport: transport, Timeout: time.Minute},
		base:   endpoint + "/api/rest/version/100/merchant/" + stage.MerchantID,
		header: "Basic " + base64.StdEncoding.EncodeToString([]byte("merchant."+stage.MerchantID+":"+stage.Password)),
	}
	token, err := b.send(http.MethodPost, "/token", []byte(`{"sourceOfFunds":{"type":"CARD","provided":{"card":{"number":"5123450000000008","expiry":{"month":"01","year":"39"}}}}}`))
	if err != nil {
		return err
	}
	var next atomic.Int64
	var first error
	var once sync.Once
	var workers sync.WaitGroup
	for range concurrency {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < payments; i = int(next.Add(1)) - 1 {
				key := batch.NewKey("acme", batch.LineRef(fmt.Sprintf("INV-2026-11-%08d", i)), 1)
				body := fmt.Appendf(nil, `{"apiOperation":"PAY","order":{"amount":"%d.%02d","currency":"EUR","reference":"ORDER-%08d"},"transaction":{"reference":"%s","source":"MERCHANT"},"sourceOfFunds":{"type":"CARD","token":"%s","provided":{"card":{"expiry":{"month":"01","year":"39"},"storedOnFile":"STORED"}}}}`,
					(1000+i%5000)/100, (1000+i%5000)%100, i, key, token)
				if _, err := b.send(http.MethodPut, "/order/"+string(key)+"/transaction/"+string(key), body); err != nil {
					once.Do(func() { first = err })
					return
				}
			}
		})
	}
	workers.Wait()
	return first
}

type bare struct {
	client *http.Client
	base   string
	header string
}

// send posts a body and returns the token of the answer, if it has one.
func (b *bare) send(method, path string, body []byte) (token string, err error) {
	req, err := http.NewRequest(method, b.base+path, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", b.header)
	req.Header.Set("Content-Type", "application/json")
	resp, err := b.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	var decoded struct {
		Result string
		Token  string
		Order  struct{ ID, Amount, Currency any }
	}
	if err := json.Unmarshal(answer, &decoded); err != nil {
		return "", err
	}
	if decoded.Result != "SUCCESS" {
		return "", fmt.Errorf("http %d: %s", resp.StatusCode, decoded.Result)
	}
	return decoded.Token, nil
}
