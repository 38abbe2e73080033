package leat_test

import (
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat/client"
)

// The backends of docs/backends.md, in each language that is at hand: what they reply and publish, and what they refuse.
func TestTheBackendsOfThePageHandleCommands(t *testing.T) {
	files := map[string]string{}
	for _, b := range blocksOf(t, "docs/backends.md") {
		if do, name, _ := strings.Cut(b.comment, ": "); do == "file" {
			files[name] = b.text
		}
	}
	for name, run := range map[string]string{
		"backend.go": "go", "grpc/main.go": "go", "backend.mjs": "node", "backend.py": "python3",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(run); err != nil {
				t.Skipf("%s is not on this machine", run)
			}
			file := filepath.Join(t.TempDir(), filepath.Base(name))
			if err := os.WriteFile(file, []byte(files[name]), 0o600); err != nil {
				t.Fatal(err)
			}
			command := []string{run, file}
			if run == "go" {
				program := strings.TrimSuffix(file, ".go")
				if output, err := exec.Command("go", "build", "-o", program, file).CombinedOutput(); err != nil {
					t.Fatalf("%v:\n%s", err, output)
				}
				command = []string{program}
			}
			scheme := "http"
			if strings.HasPrefix(name, "grpc/") {
				scheme = "grpc"
			}
			address := freeAddress(t)
			startBackend(t, address, command)
			useBackend(t, strings.Replace(files["leat.yaml"], "${CHAT_BACKEND:-http://127.0.0.1:9000/chat}", scheme+"://"+address+"/chat", 1))
		})
	}
}

// startBackend runs a program until the test is over, and waits until it listens.
func startBackend(t *testing.T, address string, command []string) {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	_, port, _ := net.SplitHostPort(address)
	cmd.Env = append(os.Environ(), "PORT="+port)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(within); ; <-again.C {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// useBackend serves the contract, and sends commands as a client of the page would.
func useBackend(t *testing.T, text string) {
	t.Helper()
	_, front := open(t, text)
	sender, err := client.New(front.URL)
	if err != nil {
		t.Fatal(err)
	}
	replies, err := sender.Send(t.Context(), "chat", client.Command{Type: "sendMessage", Key: "tea", Data: map[string]string{"text": "Hello!"}})
	if err != nil || len(replies) != 1 || replies[0].Type != "messageReceived" || !strings.Contains(string(replies[0].Data), "Hello!") {
		t.Errorf("got %s, %v", replies, err)
	}
	response, body := ask(t, front, http.MethodGet, "/events/chat/tea", "Accept: application/json")
	if response.StatusCode != http.StatusOK || !strings.Contains(body, `"key":"tea"`) || strings.Count(body, "Hello!") != 1 {
		t.Errorf("the room has %s", body)
	}
	var refused *client.Error
	_, err = sender.Send(t.Context(), "chat", client.Command{Type: "sendMessage", Data: map[string]string{"text": "spam"}})
	if !errors.As(err, &refused) || refused.Status != http.StatusForbidden || refused.Detail != "no spam, please" {
		t.Errorf("got %v, want the backend's 403", err)
	}
}
