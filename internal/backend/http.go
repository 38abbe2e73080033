package backend

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/problem"
)

// overHTTP forwards commands as CloudEvents 1.0 in the HTTP binding's binary mode.
type overHTTP struct {
	url     string
	headers map[string]string // the contract's
	timeout time.Duration     // for messages: the context has the deadline
	client  *http.Client
}

const (
	// maxAnswerBytes bounds a backend's answer: twice the largest event.
	maxAnswerBytes = 2 << 20
	// idleTimeout is shorter than 5 s, after which servers (Node's, uvicorn's) close what is idle: a command that goes
	// out at that moment is lost, and nobody can tell whether it was handled.
	idleTimeout = 4 * time.Second
	// mostPatience bounds what a backend's Retry-After can ask of clients.
	mostPatience = time.Hour
)

func newOverHTTP(s *contract.Stream) *overHTTP {
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is documented to be one
	transport.MaxIdleConns = 0                                   // no bound but that of maxInFlight
	transport.MaxIdleConnsPerHost = maxInFlight
	transport.IdleConnTimeout = idleTimeout
	transport.MaxResponseHeaderBytes = 64 << 10
	transport.DisableCompression = true // so that the bound is on what there is
	return &overHTTP{
		url:     s.Backend.URL,
		headers: s.Backend.Headers,
		timeout: s.Backend.Timeout,
		client: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (h *overHTTP) close() error {
	h.client.CloseIdleConnections()
	return nil
}

func (h *overHTTP) forward(ctx context.Context, c Command) (Answer, error) {
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// Where an idle connection turns out to be closed before anything was written, net/http gets another one.
		GetConn: func(string) { sent.Store(false) },
		GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
	})
	request, err := h.request(ctx, c)
	if err != nil {
		return Answer{}, err
	}
	response, err := h.client.Do(request)
	if err != nil {
		return Answer{}, h.failure(ctx, sent.Load(), err)
	}
	defer response.Body.Close()
	if response.StatusCode < 200 {
		// It is a 101, whose "body" is the connection: reading that would end with neither ctx nor the client.
		return answerOf(response, nil)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes+1))
	if err != nil && (response.StatusCode == http.StatusOK || isRefusal(response.StatusCode)) {
		return Answer{}, h.failure(ctx, true, fmt.Errorf("after %d bytes of the answer's body: %w", len(body), err))
	}
	return answerOf(response, body)
}

func isRefusal(status int) bool { return 400 <= status && status < 500 }

func (h *overHTTP) request(ctx context.Context, c Command) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(c.Data))
	if err != nil {
		return nil, problem.New(problem.Internal, "backend: %w", err) // the contract's URL was checked
	}
	header := request.Header
	for name, value := range h.headers {
		if strings.EqualFold(name, "Host") {
			request.Host = value
			continue
		}
		header.Set(name, value)
	}
	header.Set("Content-Type", "application/json")
	header.Set("Ce-Specversion", "1.0")
	header.Set("Ce-Id", rand.Text())
	header.Set("Ce-Type", encoded(c.Type))
	header.Set("Ce-Source", encoded(c.Source))
	header.Set("Ce-Time", time.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00"))
	if c.Key != nil {
		header.Set("Ce-Subject", encoded(*c.Key))
	}
	if c.Connection != "" {
		header.Set("Leat-Connection", encoded(c.Connection))
	}
	if c.Principal != "" {
		header.Set("Leat-Principal", encoded(c.Principal))
	}
	parent, state := traceContext(c.Traceparent, c.Tracestate)
	header.Set("Traceparent", parent)
	if state != "" {
		header.Set("Tracestate", state)
	}
	return request, nil
}

// encoded is a header's value (CloudEvents HTTP binding, section 3.1.3.2): space, quote, percent sign and all that is not
// printable ASCII are percent-encoded.
func encoded(value string) string {
	var text strings.Builder
	for _, b := range []byte(value) {
		if b <= ' ' || b == '"' || b == '%' || b > '~' {
			fmt.Fprintf(&text, "%%%02X", b)
		} else {
			text.WriteByte(b)
		}
	}
	return text.String()
}

// failure is the problem of a request without an answer.
func (h *overHTTP) failure(ctx context.Context, sent bool, err error) error {
	switch {
	case !sent:
		return problem.New(problem.BackendUnavailable, "the backend cannot be reached; the command was not sent: send it again").Because(err)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return late(h.timeout).Because(err)
	}
	return problem.New(problem.BackendFailed, "the connection to the backend broke off before the end of its answer; "+
		"it may have handled the command").Because(err)
}

// answerOf makes of a response what it says.
func answerOf(r *http.Response, body []byte) (Answer, error) {
	tooLarge := len(body) > maxAnswerBytes
	switch status := r.StatusCode; {
	case status == http.StatusNoContent:
		return Answer{}, nil
	case status == http.StatusOK && tooLarge:
		return Answer{}, problem.New(problem.BackendFailed, "the backend may have handled the command, but its answer has more than %d bytes",
			maxAnswerBytes)
	case status == http.StatusOK:
		return decodeAnswer(body)
	case isRefusal(status):
		if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/problem+json" {
			body = nil
		}
		refusal := problem.Foreign(status, body)
		refusal.RetryAfter = retryAfter(r.Header)
		return Answer{}, refusal
	case status == http.StatusServiceUnavailable:
		err := problem.New(problem.BackendUnavailable, "the backend says that it cannot handle commands now (503): send it again")
		err.RetryAfter = retryAfter(r.Header)
		return Answer{}, err
	case 300 <= status && status < 400:
		return Answer{}, problem.New(problem.BackendFailed, "the backend has answered with a redirect (%s), which is not followed: "+
			"the contract must name the address that answers", r.Status).Because(fmt.Errorf("to %q", r.Header.Get("Location")))
	}
	return Answer{}, problem.New(problem.BackendFailed, "the backend has answered with the status %s instead of 200, 204 or 400 to 499; "+
		"it may have handled the command", strings.TrimSpace(r.Status)).Because(beginning(body))
}

// beginning is for the log alone: what is not as it should be may be anything.
func beginning(body []byte) error { return fmt.Errorf("its answer begins with %.200q", body) }

// retryAfter reads the header of that name (RFC 9110, section 10.2.3); zero where it does not say.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = time.Until(at)
	}
	return min(max(wait, 0), mostPatience)
}
