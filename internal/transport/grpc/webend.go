package grpc

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"github.com/leatstream/leat/internal/problem"
)

// An end is how a call has ended; the code 0 is success.
type end struct{ *spb.Status }

// endOf reads gRPC's trailers. Where there are none the call was cut, or never got to be one: the HTTP status says why.
func endOf(trailer http.Header, code int, body []byte) *end {
	if details := trailer.Get("Grpc-Status-Details-Bin"); details != "" {
		data, err := base64.RawStdEncoding.DecodeString(details)
		told := new(spb.Status)
		if err == nil && proto.Unmarshal(data, told) == nil {
			return &end{told}
		}
	}
	if code > http.StatusOK {
		return endWith(problem.New(problem.Malformed, "%s", strings.TrimSpace(string(body))))
	}
	number, err := strconv.ParseInt(trailer.Get("Grpc-Status"), 10, 32)
	if err != nil {
		return endWith(problem.New(problem.Unavailable, "the server cut the call"))
	}
	message, err := url.PathUnescape(trailer.Get("Grpc-Message"))
	if err != nil {
		message = trailer.Get("Grpc-Message")
	}
	return &end{&spb.Status{Code: int32(number), Message: message}}
}

func endWith(err error) *end {
	told, ok := status.FromError(err)
	if !ok {
		told, _ = status.FromError(statusOf(err))
	}
	return &end{told.Proto()}
}

// withCode is the status of a problem with another code than its own.
func withCode(code codes.Code, p *problem.Error) error {
	told, _ := status.FromError(statusOf(p))
	other := told.Proto()
	other.Code = int32(code)
	return status.FromProto(other).Err()
}

// trailers are those of gRPC-Web, as the text of HTTP/1.1 headers.
func (e *end) trailers() []byte {
	text := fmt.Appendf(nil, "grpc-status: %d\r\n", e.Code)
	if e.Message != "" {
		text = fmt.Appendf(text, "grpc-message: %s\r\n", url.PathEscape(e.Message))
	}
	if len(e.Details) > 0 {
		data, err := proto.Marshal(e.Status)
		if err != nil {
			panic(err) // of our own making
		}
		text = fmt.Appendf(text, "grpc-status-details-bin: %s\r\n", base64.RawStdEncoding.EncodeToString(data))
	}
	return text
}

// A connectError is the Connect protocol's Error.
type connectError struct {
	Code    string          `json:"code"`
	Message string          `json:"message,omitempty"`
	Details []connectDetail `json:"details,omitempty"`
}

type connectDetail struct {
	Type  string          `json:"type"`
	Value string          `json:"value"`           // base64 without padding
	Debug json.RawMessage `json:"debug,omitempty"` // for people, and for clients without protobuf
}

// connectError is an error in the Connect protocol's JSON.
func (e *end) connectError() []byte {
	text, err := json.Marshal(e.connect())
	if err != nil {
		panic(err) // of our own making
	}
	return text
}

// connectStream is the Connect protocol's EndStreamResponse.
func (e *end) connectStream() []byte {
	if e.Code == 0 {
		return []byte("{}")
	}
	return append(append([]byte(`{"error":`), e.connectError()...), '}')
}

func (e *end) connect() connectError {
	told := connectError{Code: connectCodes[codes.Unknown].name, Message: e.Message}
	if 0 <= e.Code && int(e.Code) < len(connectCodes) {
		told.Code = connectCodes[e.Code].name
	}
	for _, d := range e.Details {
		told.Details = append(told.Details, connectDetail{
			Type:  d.TypeUrl[strings.LastIndex(d.TypeUrl, "/")+1:],
			Value: base64.RawStdEncoding.EncodeToString(d.Value),
			Debug: readable(d),
		})
	}
	return told
}

// readable is a detail in JSON: of a problem, the problem itself. What is of a typed service's own is left out.
func readable(d *anypb.Any) json.RawMessage {
	m, err := d.UnmarshalNew()
	if err != nil {
		return nil
	}
	if p, ok := m.(*leatv1.Problem); ok {
		return p.Json
	}
	text, _ := compactJSON(m)
	return text
}

// http is the status of a unary call's answer.
func (e *end) http() int {
	if 0 <= e.Code && int(e.Code) < len(connectCodes) {
		return connectCodes[e.Code].http
	}
	return http.StatusInternalServerError
}

// connectCodes are the Connect protocol's, by gRPC's.
var connectCodes = [...]struct {
	name string
	http int
}{
	codes.OK:                 {"", http.StatusOK},
	codes.Canceled:           {"canceled", 499},
	codes.Unknown:            {"unknown", http.StatusInternalServerError},
	codes.InvalidArgument:    {"invalid_argument", http.StatusBadRequest},
	codes.DeadlineExceeded:   {"deadline_exceeded", http.StatusGatewayTimeout},
	codes.NotFound:           {"not_found", http.StatusNotFound},
	codes.AlreadyExists:      {"already_exists", http.StatusConflict},
	codes.PermissionDenied:   {"permission_denied", http.StatusForbidden},
	codes.ResourceExhausted:  {"resource_exhausted", http.StatusTooManyRequests},
	codes.FailedPrecondition: {"failed_precondition", http.StatusBadRequest},
	codes.Aborted:            {"aborted", http.StatusConflict},
	codes.OutOfRange:         {"out_of_range", http.StatusBadRequest},
	codes.Unimplemented:      {"unimplemented", http.StatusNotImplemented},
	codes.Internal:           {"internal", http.StatusInternalServerError},
	codes.Unavailable:        {"unavailable", http.StatusServiceUnavailable},
	codes.DataLoss:           {"data_loss", http.StatusInternalServerError},
	codes.Unauthenticated:    {"unauthenticated", http.StatusUnauthorized},
}
