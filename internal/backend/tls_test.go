package backend_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	backendv1 "github.com/leatstream/leat/gen/leat/backend/v1"
	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// trusted is a certificate for 127.0.0.1 that this process trusts, where the system's list is a file that one can name.
var trusted tls.Certificate

func trustOurselves() {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	trusted = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	file := must(os.CreateTemp("", "trusted"))
	defer file.Close()
	if err := pem.Encode(file, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
		panic(err)
	}
	if err := os.Setenv("SSL_CERT_FILE", file.Name()); err != nil {
		panic(err)
	}
	must(x509.SystemCertPool())
	_ = os.Remove(file.Name())
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func TestABackendOverGRPCSIsTrustedByItsCertificate(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system's certificates are no file")
	}
	fine := each(func(*backendv1.HandleRequest) *backendv1.HandleResponse {
		return &backendv1.HandleResponse{Reply: []*backendv1.Message{event("welcome", `{"n":1}`)}}
	})
	url, _ := serveOn(t, listen(t, "127.0.0.1:0"), fine, grpcgo.Creds(credentials.NewServerTLSFromCert(&trusted)))
	h := newHouse(t, strings.Replace(url, "grpc:", "grpcs:", 1), "HOST=127.0.0.1")
	replies, err := h.says(t, "x")
	if err != nil || len(replies) != 1 || string(replies[0].Data) != `{"n":1}` {
		t.Errorf("got %v, %v; logged %s", replies, err, h.lines)
	}
	// The same to one that only speaks TLS is no backend.
	plain := newHouse(t, url, "HOST=127.0.0.1")
	_, err = plain.says(t, "x")
	wantProblem(t, err, 502, true, "not sent")
}

func TestACertificateOfAnotherNameIsNotTrusted(t *testing.T) {
	got := make(chan struct{}, 1)
	url, _ := serveOn(t, listen(t, "127.0.0.1:0"), each(func(*backendv1.HandleRequest) *backendv1.HandleResponse {
		got <- struct{}{}
		return &backendv1.HandleResponse{}
	}), grpcgo.Creds(credentials.NewServerTLSFromCert(&trusted)))
	h := newHouse(t, strings.Replace(url, "grpc:", "grpcs:", 1), "HOST=chat.example")
	_, err := h.says(t, "x")
	wantProblem(t, err, 502, true, "not sent")
	if len(got) > 0 {
		t.Error("it got a command")
	}
}
