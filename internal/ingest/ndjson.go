package ingest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/leatstream/leat/internal/problem"
)

// lineRoom is what a line may have beside the data: type, key and time, and what holds them together.
const lineRoom = 8 << 10

// serveUpload stores an event a line, and answers when the last is stored or refused. What a client sent before it
// went away stays stored.
func (in *Ingest) serveUpload(ctx context.Context, r *http.Request, stream string, o Options) (*answer, error) {
	u, err := in.Upload(ctx, stream, o)
	if err != nil {
		return nil, err
	}
	lines := newLineReader(r.Body)
	var broken error
	for broken == nil {
		var line []byte
		var tooLong bool
		limit := u.stream().contract.MaxEventBytes + lineRoom
		line, tooLong, err = lines.next(limit)
		switch {
		case err != nil:
			broken = err
		case tooLong:
			u.Refuse(lines.number, "", problem.From(problem.New(problem.TooLarge, "the line has more than %d bytes: %s", limit, claimCheck)))
		case len(line) > 0:
			broken = u.addLine(ctx, lines.number, line)
		}
	}
	summary := u.Close()
	if _, failed := u.failure(); errors.Is(broken, io.EOF) && failed == nil {
		return &answer{status: http.StatusOK, body: summary}, nil
	}
	return nil, u.stopped(broken, lines.number, summary)
}

func (u *Upload) addLine(ctx context.Context, number uint64, line []byte) error {
	d := newDecoder("the line", line)
	e, err := decodeOne(d, decodeEvent)
	d.release() // Add may wait for long
	if err != nil {
		u.Refuse(number, "", problem.From(err))
		return nil
	}
	return u.Add(ctx, number, e)
}

// stopped is the problem of an upload that ended before its body did: it says what to send again.
func (u *Upload) stopped(broken error, line uint64, s Summary) error {
	kept := fmt.Sprintf("%d events are stored and %d refused", s.Stored, s.Refused)
	if !s.Last.IsZero() {
		kept += ", the last one stored is " + s.Last.String()
	}
	first, failed := u.failure()
	if failed == nil {
		return problem.New(problem.Malformed, "the body broke off after line %d: %s: %w", line, kept, broken)
	}
	p := *problem.From(failed)
	p.Detail = fmt.Sprintf("the upload ended at line %d, and line %d is the first that failed: %s; %s", line, first, p.Detail, kept)
	return &p
}

// MarshalJSON gives the answer to an upload.
func (s Summary) MarshalJSON() ([]byte, error) {
	type problemAtLine struct {
		Line uint64 `json:"line"`
	}
	errs := []json.RawMessage{}
	for _, e := range s.Errors {
		head, err := json.Marshal(problemAtLine{e.Number})
		if err != nil {
			return nil, err
		}
		// One object of both: the line, then the problem's members.
		head[len(head)-1] = ','
		errs = append(errs, append(head, e.Problem.JSON()[1:]...))
	}
	return json.Marshal(struct {
		Stored  uint64            `json:"stored"`
		Refused uint64            `json:"refused"`
		Last    string            `json:"last,omitempty"`
		Errors  []json.RawMessage `json:"errors"`
	}{s.Stored, s.Refused, s.Last.String(), errs})
}

// A lineReader splits a body into lines of at most limit bytes, in memory bounded by that.
type lineReader struct {
	number uint64 // of the line that next gave, from 1
	reader *bufio.Reader
	line   []byte
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{reader: bufio.NewReaderSize(r, 16<<10)}
}

// next gives the next line without white space around it, until the following call. Of a line that is too long it
// gives nothing but that. The error is io.EOF after the last line, which need not end with a line break; any other
// means that the last line is not whole, so it is not given.
func (l *lineReader) next(limit int) (line []byte, tooLong bool, err error) {
	l.line = l.line[:0]
	for {
		piece, err := l.reader.ReadSlice('\n')
		switch ended := err == nil || errors.Is(err, io.EOF); {
		case !ended && !errors.Is(err, bufio.ErrBufferFull):
			return nil, false, err
		case err != nil && ended && len(piece) == 0 && len(l.line) == 0 && !tooLong:
			return nil, false, io.EOF
		case tooLong:
		case len(l.line)+len(bytes.TrimRight(piece, "\r\n")) > limit:
			tooLong, l.line = true, l.line[:0]
		default:
			l.line = append(l.line, piece...)
		}
		if err == nil || errors.Is(err, io.EOF) {
			l.number++
			return trimSpace(l.line), tooLong, nil
		}
	}
}

// trimSpace takes away JSON's white space, and no other.
func trimSpace(text []byte) []byte { return bytes.Trim(text, " \t\r\n") }
