package mastercardbatch

import (
	"net/http"
	"testing"

	"cardbatch/gateway/internal/codetable"
)

func TestJudgement(t *testing.T) {
	const text, html, other, none = "text/plain", "text/html", "application/octet-stream", ""
	for _, c := range []struct {
		kind        kind
		status      int
		contentType string // none: no body
		body, why   string
		want        codetable.Outcome
	}{
		{kindUpload, 200, text, "Batch uploaded successfully", "taken", codetable.Approved},
		{kindUpload, 201, none, "", "taken without a word", codetable.Approved},
		{kindUpload, 200, html, "<html>", "a landing page", codetable.NoAnswer},
		{kindUpload, 200, text, " \n<!DOCTYPE html>", "a landing page that calls itself text", codetable.NoAnswer},
		{kindUpload, 302, text, "x", "a redirect", codetable.NoAnswer},
		{kindUpload, 400, text, "x", "a bad file, or a name used before", codetable.Duplicate},
		{kindUpload, 413, none, "", "too large", codetable.Duplicate},
		{kindUpload, 409, text, "x", "another upload is under way", codetable.NoAnswer},
		{kindUpload, 408, none, "", "read whole, perhaps", codetable.NoAnswer},
		{kindUpload, 401, none, "", "credentials", codetable.Credentials},
		{kindUpload, 403, text, "x", "no privilege", codetable.Credentials},
		{kindUpload, 429, none, "", "slow down", codetable.Busy},
		{kindUpload, 503, text, "x", "a server's error", codetable.NoAnswer},
		{kindValidate, 200, none, "", "started", codetable.Approved},
		{kindValidate, 400, text, "x", "not started", codetable.NoAnswer},
		{kindStatus, 200, text, "x", "a status", codetable.Approved},
		{kindStatus, 200, none, "", "no status", codetable.NoAnswer},
		{kindStatus, 404, none, "", "unknown", codetable.UnknownKey},
		{kindStatus, 404, text, "no such batch", "unknown, in words", codetable.UnknownKey},
		{kindStatus, 404, html, "<html>", "something in between does not know it", codetable.NoAnswer},
		{kindStatus, 404, other, "x", "nor does this", codetable.NoAnswer},
		{kindStatus, 400, text, "Unable to find batch x", "unknown, as REST says it", codetable.UnknownKey},
		{kindStatus, 400, text, "bad request", "another refusal", codetable.NoAnswer},
		{kindStatus, 401, text, "not found", "401 is never unknown", codetable.Credentials},
		{kindResponse, 200, text, "x", "answers", codetable.Approved},
		{kindResponse, 202, text, "not complete", "not there yet", codetable.Pending},
		{kindResponse, 404, text, "x", "gone", codetable.NoAnswer},
		{kindResponse, 204, none, "", "nothing", codetable.NoAnswer},
		{kindInformation, 200, html, "<html>Operating</html>", "it operates", codetable.Approved},
		{kindInformation, 200, text, "SHUTDOWN", "it does not", codetable.NoAnswer},
	} {
		t.Run(string(c.kind)+" "+c.why, func(t *testing.T) {
			var r reply
			r.Status, r.Header = c.status, http.Header{"Content-Type": {c.contentType}}
			if r.Empty = c.contentType == none; !r.Empty && c.contentType != other {
				r.read([]byte(c.body))
			}
			if m := judge(c.kind, &r); m.Outcome != c.want {
				t.Errorf("got %s, want %s", m.Outcome, c.want)
			}
		})
	}
}
