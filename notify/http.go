package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"cardbatch/batch"
)

// maxBody is how much of an answer is read, in bytes: its status says everything.
const maxBody = 4096

func newHTTP(timeout time.Duration, roots *x509.CertPool) *http.Client {
	return &http.Client{
		Timeout: timeout,
		// Where a notification goes is the configuration's word, not a server's.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// rootCAs are the system's certificates and those given; nil: the system's alone.
func rootCAs(pem []byte) (*x509.CertPool, error) {
	if len(pem) == 0 {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("notifications: no certificate to trust in what is given as such")
	}
	return roots, nil
}

// CheckURL says what is wrong with the address of a merchant's server.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("the URL cannot be read")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("the URL must begin with https:// or http://")
	case u.Hostname() == "":
		return errors.New("the URL names no host")
	case u.User != nil:
		return errors.New("the URL holds credentials, which would be logged on the way")
	case u.Fragment != "":
		return errors.New("the URL has a fragment, which is never sent")
	}
	return nil
}

// call delivers a server notification: 2xx is delivered, all else is not.
func (s *Sender) call(ctx context.Context, n batch.Notification) error {
	target, err := callURL(n)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return fmt.Errorf("%w: the URL cannot be called", ErrRefused)
	}
	r.Header.Set("User-Agent", "cardbatch")
	r.Header.Set("Notification-Id", n.ID)
	answer, err := s.http.Do(r)
	if err != nil {
		// The library's text repeats the whole URL.
		if broken := (*url.Error)(nil); errors.As(err, &broken) {
			err = broken.Err
		}
		return fmt.Errorf("call the merchant's server: %w", err)
	}
	defer answer.Body.Close()
	// What is left unread costs the connection, nothing else.
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxBody))
	switch code := answer.StatusCode; {
	case code/100 == 2:
		return nil
	case code/100 == 3:
		return fmt.Errorf("the merchant's server answered %d: redirects are not followed, configure the address that it leads to", code)
	default:
		return fmt.Errorf("the merchant's server answered %d", code)
	}
}

// callURL adds the parameters of a notification to its address, whose own query stays.
func callURL(n batch.Notification) (string, error) {
	if err := CheckURL(n.To); err != nil {
		return "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	u, err := url.Parse(n.To)
	if err != nil {
		return "", fmt.Errorf("%w: the URL cannot be read", ErrRefused)
	}
	told, err := parameters(n)
	if err != nil {
		return "", err
	}
	query := u.Query()
	for name, values := range told {
		query[name] = values
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// parameters are those of smartbill, section 5, in its spelling.
func parameters(n batch.Notification) (url.Values, error) {
	f, wallet := n.Facts, string(n.Wallet)
	switch n.Kind {
	case batch.NoticeEnrolment:
		result := "N"
		if f.Accepted {
			result = "Y"
		}
		return values("notificationType", "Wallet", "walletId", wallet, "type", "smartbillEnrollResult", "result", result, "resultCode", f.Code), nil
	case batch.NoticeCancelled:
		return values("notificationType", "Wallet", "walletId", wallet, "type", "smartBillCanceledCard", "CancellationCode", f.Code), nil
	case batch.NoticeWalletCreated:
		return values("notificationType", "WALLET", "walletId", wallet, "contractNumber", string(n.Contract)), nil
	case batch.NoticeInstalment:
		return values("notificationType", "BILL", "paymentRecordId", f.PaymentRecord, "walletId", wallet,
			"transactionId", string(f.TransactionID), "billingRecordDate", f.BillingDate, "orderRef", f.OrderRef), nil
	case batch.NoticeWalletPayment:
		return values("notificationType", "TRSWALLET", "transactionId", string(f.TransactionID), "walletId", wallet), nil
	}
	return nil, fmt.Errorf("%w: servers are not told of %s", ErrRefused, n.Kind)
}

func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}
