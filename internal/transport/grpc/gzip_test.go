package grpc_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
)

// The name alone: an import here would install the compressor for the server too.
var compressed = grpcgo.UseCompressor("gzip")

func TestCompressedRequestsAreTaken(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		var header metadata.MD
		response, err := leat.Publish(within(t), shipped("or_1"), compressed, grpcgo.Header(&header))
		if err != nil {
			t.Fatal(err)
		}
		events, err := leat.Subscribe(within(t), &leatv1.SubscribeRequest{Stream: "orders", Start: &leatv1.SubscribeRequest_After{After: "earliest"}}, compressed)
		if err != nil {
			t.Fatal(err)
		}
		got, err := events.Recv()
		if err != nil || got.Event.Id != response.Id {
			t.Errorf("got %v, %v; want %s", got, err, response.Id)
		}
		of, err := events.Header()
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range []metadata.MD{header, of} { // an event is encoded once for all: nobody gets one of its own
			if encoding := h.Get("grpc-encoding"); len(encoding) > 0 && encoding[0] != "identity" {
				t.Errorf("answered in %v", encoding)
			}
		}
	})
}

func TestACompressedMessageIsLimitedByWhatItBecomes(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		request := shipped("or_1")
		request.Event.Data = bytes.Repeat([]byte(" "), 300<<10)
		_, err := leat.Publish(within(t), request, compressed)
		if told := wantProblem(t, err, codes.ResourceExhausted); told.Status != 413 {
			t.Errorf("problem %+v, want 413", told)
		}
		talk, err := leat.Connect(within(t), compressed)
		if err != nil {
			t.Fatal(err)
		}
		if err := talk.Send(&leatv1.ConnectRequest{Json: request.Event.Data}); err != nil {
			t.Fatal(err)
		}
		_, err = talk.Recv()
		wantProblem(t, err, codes.ResourceExhausted)
	})
}

func TestADecompressionBombIsNotUnpacked(t *testing.T) {
	n := start(t)
	var bomb bytes.Buffer
	packer := gzip.NewWriter(&bomb)
	const size = 128 << 20
	if _, err := io.CopyN(packer, zeros{}, size); err != nil {
		t.Fatal(err)
	}
	if err := packer.Close(); err != nil {
		t.Fatal(err)
	}
	body := append([]byte{1}, binary.BigEndian.AppendUint32(nil, uint32(bomb.Len()))...)
	call := httptest.NewRequestWithContext(within(t), http.MethodPost, leatv1.StreamService_Publish_FullMethodName, bytes.NewReader(append(body, bomb.Bytes()...)))
	call.ProtoMajor, call.ProtoMinor = 2, 0
	call.Header.Set("Content-Type", "application/grpc")
	call.Header.Set("Grpc-Encoding", "gzip")
	answer := httptest.NewRecorder()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n.server.ServeHTTP(answer, call)
	runtime.ReadMemStats(&after)
	if got := answer.Result().Trailer.Get("Grpc-Status"); got != "8" { // RESOURCE_EXHAUSTED
		t.Errorf("status %s, want 8", got)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > size/8 {
		t.Errorf("%d bytes took %d of memory", bomb.Len(), took)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
