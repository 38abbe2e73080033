package demo

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// A process is one that has said that it is ready, and that ends when its standard input does.
type process struct {
	cmd   *exec.Cmd
	input io.Closer
	ended chan error
}

const (
	readyWithin = 10 * time.Second
	endsWithin  = 3 * time.Second // answers under way aside, it has nothing to do
)

// start waits for the first line of output, which says that it is ready.
func start(cmd *exec.Cmd) (*process, error) {
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	said := new(beginning)
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, input: input, ended: make(chan error, 1)}
	ready := make(chan struct{})
	go func() {
		lines := bufio.NewReader(output)
		if _, err := lines.ReadString('\n'); err == nil {
			close(ready)
			_, _ = io.Copy(io.Discard, lines) // it ends with the process
		}
		err := cmd.Wait()
		if text := strings.TrimSpace(said.text.String()); err != nil && text != "" {
			err = fmt.Errorf("%w: %s", err, text)
		}
		p.ended <- err
	}()
	late := time.NewTimer(readyWithin)
	defer late.Stop()
	select {
	case <-ready:
		return p, nil
	case err := <-p.ended:
		if err == nil {
			err = errors.New("it ended at once")
		}
		return nil, err
	case <-late.C:
		p.end()
		return nil, fmt.Errorf("it was not ready within %v", readyWithin)
	}
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// end waits until it is gone.
func (p *process) end() {
	_ = p.input.Close() // an error says that it is gone
	late := time.AfterFunc(endsWithin, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	<-p.ended //nolint:errcheck // it was told to: how it did is no failure
}

// A beginning keeps what a process says first of what is wrong.
type beginning struct{ text strings.Builder }

func (b *beginning) Write(p []byte) (int, error) {
	const most = 500
	b.text.Write(p[:min(len(p), max(most-b.text.Len(), 0))])
	return len(p), nil
}
