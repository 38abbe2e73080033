package grpc_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
)

// realLimit is the largest message that the tests' contract allows.
const realLimit = "270336"

func enveloped(flags byte, message string) string {
	return string(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(message)))) + message
}

func packed(t *testing.T, from io.Reader) string {
	t.Helper()
	var out bytes.Buffer
	to := gzip.NewWriter(&out)
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Larger than what grpc-go reads, a message is refused as one that is a little too large, and no other one with it. Over
// grpc-go's own transport nothing can be done: it has told its status before a handler hears of the message.
func TestAMessageOfAnySizeIsOneThatIsRefused(t *testing.T) {
	n := start(t)
	leat := dial(t, n, n.address("http"))
	upload := leat.call(within(t), t, "chat", "Publish")
	for _, text := range []string{"a", "b", strings.Repeat("x", 5_000_000), "d"} {
		upload.say(t, `{"said":{"text":"`+text+`"}}`)
	}
	if err := upload.CloseSend(); err != nil {
		t.Fatal(err)
	}
	got := upload.hear(t)
	if !strings.Contains(got, `"stored":"3","refused":"1"`) || !strings.Contains(got, `"index":"2"`) {
		t.Errorf("got %s, want all stored but the third", got)
	}
	all, err := leat.PublishStream(within(t))
	if err != nil {
		t.Fatal(err)
	}
	large := shipped("or_1")
	large.Event.Data = bytes.Repeat([]byte(" "), 5_000_000)
	for _, request := range []*leatv1.PublishRequest{shipped("or_1"), large, shipped("or_2")} {
		if err := all.Send(&leatv1.PublishStreamRequest{Publish: request}); err != nil {
			t.Fatal(err)
		}
	}
	answer, err := all.CloseAndRecv()
	if err != nil || answer.Stored != 2 || answer.Refused != 1 || !bytes.Contains(answer.Errors[0].Problem, []byte(realLimit)) {
		t.Errorf("got %v, %v; want 2 stored, and 1 refused with the limit %s", protojson.Format(answer), err, realLimit)
	}
	_, err = leat.Publish(within(t), large)
	if told := wantProblem(t, err, codes.ResourceExhausted); told.Status != 413 || !strings.Contains(told.Detail, realLimit) {
		t.Errorf("got %+v, want 413 and %s", told, realLimit)
	}
}

func TestABrowsersTooLargeMessageIsToldTheRealLimit(t *testing.T) {
	url := front(t, start(t))
	bomb := packed(t, io.LimitReader(zeros{}, 16<<20))
	const generic, typed = "/leat.v1.StreamService/Publish", "/orders.v1.OrdersService/Publish"
	good := `{"orderShipped":{"orderId":"or_1"}}`
	for name, tt := range map[string]struct{ path, contentType, body, header, stored string }{
		"bomb in Connect's JSON":     {generic, "application/json", bomb, "Content-Encoding: gzip", ""},
		"bomb in Connect's protobuf": {generic, "application/proto", bomb, "Content-Encoding: gzip", ""},
		"unary":                      {generic, "application/proto", strings.Repeat("\x00", 5_000_000), "", ""},
		"gRPC-Web":                   {generic, "application/grpc-web+proto", "\x00\xff\xff\xff\xffabc", "", ""},
		"gRPC-Web, packed":           {generic, "application/grpc-web+json", enveloped(1, bomb), "Grpc-Encoding: gzip", ""},
		"upload over Connect":        {typed, "application/connect+json", enveloped(0, good) + enveloped(0, strings.Repeat(" ", 5_000_000)) + enveloped(0, good), "", "2"},
		"packed upload over Connect": {typed, "application/connect+json", enveloped(0, good) + enveloped(1, bomb) + enveloped(0, good), "Connect-Content-Encoding: gzip", "2"},
		"upload without an end":      {typed, "application/connect+json", enveloped(0, good) + "\x00\xff\xff\xff\xffabc", "", "1"},
	} {
		var header []string
		if tt.header != "" {
			header = append(header, tt.header)
		}
		_, text := post(t, url+tt.path, tt.contentType, tt.body, header...)
		want := []string{realLimit, "leat.v1.Problem"}
		switch {
		case tt.stored != "":
			want = []string{`"stored":"` + tt.stored + `","refused":"1"`}
			text += decodedProblems(text)
			want = append(want, realLimit)
		case strings.Contains(tt.contentType, "grpc-web"):
			want = []string{realLimit, "grpc-status: 8", "grpc-status-details-bin: "}
		}
		for _, want := range want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: got %.600q, want %s", name, text, want)
			}
		}
	}
}

// decodedProblems are those in the answer to an upload.
func decodedProblems(text string) string {
	var answer struct{ Errors []struct{ Problem string } }
	if len(text) < messageHeader || json.NewDecoder(strings.NewReader(text[messageHeader:])).Decode(&answer) != nil {
		return ""
	}
	var all string
	for _, e := range answer.Errors {
		decoded, _ := base64.StdEncoding.DecodeString(e.Problem)
		all += string(decoded)
	}
	return all
}

const messageHeader = 5

// What a client has got wrong is its fault, and says so.
func TestABrowsersBrokenBodyIsItsOwnFault(t *testing.T) {
	url := front(t, start(t))
	const generic, typed = "/leat.v1.StreamService/", "/orders.v1.OrdersService/"
	good := enveloped(0, `{"orderShipped":{"orderId":"or_1"}}`)
	const cut = "\x00\x00\x00\x00\x10abc"
	for name, tt := range map[string]struct{ path, contentType, body, header, says string }{
		"no base64":                       {generic + "Publish", "application/grpc-web-text", "!!!!", "", "base64"},
		"base64 that breaks off":          {generic + "Publish", "application/grpc-web-text", "AAAAA", "", "middle of a message"},
		"cut in gRPC-Web":                 {generic + "Publish", "application/grpc-web+proto", cut, "", "16 bytes were announced, and 3 came"},
		"cut in a header":                 {generic + "Publish", "application/grpc-web+proto", "\x00\x00", "", "middle of a message"},
		"cut upload":                      {typed + "Publish", "application/connect+json", good + cut, "", "16 bytes were announced, and 3 came"},
		"cut upload of gRPC-Web":          {typed + "Publish", "application/grpc-web+json", good + cut, "", "16 bytes were announced, and 3 came"},
		"Subscribe without a request":     {typed + "Subscribe", "application/connect+json", "", "", "one message"},
		"Subscribe with two":              {typed + "Subscribe", "application/connect+json", enveloped(0, "{}") + enveloped(0, "{}"), "", "one message"},
		"Subscribe with two of no length": {generic + "Subscribe", "application/grpc-web", enveloped(0, "") + enveloped(0, ""), "", "one message"},
		"not packed, in protobuf":         {generic + "Publish", "application/proto", "abc", "Content-Encoding: gzip", "gzip"},
		"packed by what is not named":     {generic + "Publish", "application/grpc-web", enveloped(1, "abc"), "", "Grpc-Encoding"},
	} {
		var header []string
		if tt.header != "" {
			header = append(header, tt.header)
		}
		_, text := post(t, url+tt.path, tt.contentType, tt.body, header...)
		if strings.HasPrefix(tt.contentType, "application/grpc-web-text") {
			decoded, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				t.Fatalf("%s: %q: %v", name, text, err)
			}
			text = string(decoded)
		}
		want := []string{tt.says, `"code":"invalid_argument"`, "leat.v1.Problem"}
		if strings.Contains(tt.contentType, "grpc-web") {
			want = []string{strings.NewReplacer(" ", "%20", ",", "%2C").Replace(tt.says), "grpc-status: 3", "grpc-status-details-bin: "}
		}
		if strings.HasPrefix(name, "cut upload") && !strings.Contains(tt.contentType, "grpc-web") {
			want = append(want, "orders.v1.PublishResponse") // what was stored before
		}
		for _, want := range want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: got %.900q, want %s", name, text, want)
			}
		}
	}
}

func TestACompressionThatIsNotKnownIsToldTheOnesThatAre(t *testing.T) {
	url := front(t, start(t))
	for _, tt := range []struct{ path, contentType, header, code string }{
		{"/leat.v1.StreamService/Publish", "application/json", "Content-Encoding: br", `"code":"unimplemented"`},
		{"/orders.v1.OrdersService/Publish", "application/connect+proto", "Connect-Content-Encoding: br", `"code":"unimplemented"`},
		{"/orders.v1.OrdersService/Publish", "application/grpc-web", "Grpc-Encoding: br", "grpc-status: 12"},
	} {
		_, text := post(t, url+tt.path, tt.contentType, enveloped(0, ""), tt.header)
		plain := strings.ReplaceAll(text, "%20", " ")
		if !strings.Contains(text, tt.code) || !strings.Contains(plain, "gzip") || !strings.Contains(plain, "identity") {
			t.Errorf("%s: got %q, want %s, with gzip and identity", tt.header, text, tt.code)
		}
		if strings.Contains(text, `"code"`) && !strings.Contains(text, `"status":415`) {
			t.Errorf("%s: got %q, want a problem with 415", tt.header, text)
		}
	}
}

func TestACallBothWaysOverHTTP1IsAProblem(t *testing.T) {
	url := front(t, start(t))
	response, text := post(t, url+"/leat.v1.StreamService/Connect", "application/connect+json", "")
	if got := response.Header.Get("Content-Type"); got != "application/problem+json" || response.StatusCode != http.StatusHTTPVersionNotSupported || !strings.Contains(text, `"status":505`) {
		t.Errorf("got %d %s %s, want 505 as a problem", response.StatusCode, got, text)
	}
}

func TestAWrongValueInJSONIsToldByItsField(t *testing.T) {
	url := front(t, start(t))
	_, text := post(t, url+"/orders.v1.OrdersService/Publish", "application/connect+json", enveloped(0, `{"orderShipped": {"orderId": 7}}`))
	if want := `"violations":[{"field":"order_shipped.order_id","description":"`; !strings.Contains(text, want) {
		t.Errorf("got %q, want %s", text, want)
	}
	_, text = post(t, url+"/leat.v1.StreamService/Publish", "application/json", `{"event": {"stream": 7}}`)
	if want := `"errors":[{"pointer":"/event/stream","detail":"`; !strings.Contains(text, want) {
		t.Errorf("got %q, want %s", text, want)
	}
}
