package grpc_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/transport/grpc"
	"github.com/leatstream/leat/internal/typed"
)

// Whatever comes, a stream of Connect ends with its last message, and nothing comes after that.
func FuzzAConnectStreamHasAnEnd(f *testing.F) {
	for _, body := range []string{"", "\x00\x00\x00\x00\x02{}", "\x00\x00\x00\x00\x00", "\x01\x00\x00\x00\x02{}", "\x00\xff\xff\xff\xff", "\x00\x00\x00",
		"\x00\x00\x00\x00\x1a{\"publish\":{\"event\":null}}\x00\x00\x00\x00\x02{}", "\x02\x00\x00\x00\x02{}"} {
		f.Add("json", "", "", []byte(body))
		f.Add("proto", "gzip", "100", []byte(body))
	}
	c, err := contract.Parse("leat.yaml", []byte(contractText))
	if err != nil {
		f.Fatal(err)
	}
	api, err := typed.Build(c, nil)
	if err != nil {
		f.Fatal(err)
	}
	// No hub: each use of one panics, which ends the call as any error does.
	web := grpc.New(nil, nil, nil, c, api, slog.New(slog.DiscardHandler)).Web()
	f.Fuzz(func(t *testing.T, codec, compression, timeout string, body []byte) {
		for _, method := range []string{"Subscribe", "PublishStream"} {
			r := httptest.NewRequest(http.MethodPost, "/leat.v1.StreamService/"+method, bytes.NewReader(body))
			r.Header.Set("Content-Type", "application/connect+"+codec)
			r.Header.Set("Connect-Content-Encoding", compression)
			r.Header.Set("Connect-Timeout-Ms", timeout)
			w := httptest.NewRecorder()
			web.ServeHTTP(w, r)
			if w.Code == http.StatusUnsupportedMediaType && codec != "json" && codec != "proto" {
				continue
			}
			if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || !strings.HasPrefix(got, "application/connect+") {
				t.Fatalf("got %d %s", w.Code, got)
			}
			answer := w.Body.Bytes()
			for ended := false; !ended; {
				if len(answer) < 5 || len(answer) < 5+int(binary.BigEndian.Uint32(answer[1:])) {
					t.Fatalf("%q has no end", w.Body)
				}
				message := answer[5 : 5+binary.BigEndian.Uint32(answer[1:])]
				ended = answer[0] == 2
				if answer = answer[5+len(message):]; ended && (len(answer) > 0 || !json.Valid(message)) {
					t.Fatalf("%q ends with %q", w.Body, message)
				}
			}
		}
	})
}
