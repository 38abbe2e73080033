package leat_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

// within is how long one block of the README may take: building grpcurl for the first time takes the longest.
const within = 5 * time.Minute

// TestPagesShowWhatHappens pastes the blocks of each page one after the other, as the comment before each says, and
// compares what they print with what the page shows. Only the addresses are changed, to ones that are free.
func TestPagesShowWhatHappens(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	programs := install(t)
	for _, page := range append([]string{"README.md"}, pages...) {
		t.Run(page, func(t *testing.T) {
			u := newUser(t, programs)
			blocks := blocksOf(t, page)
			for i, b := range blocks {
				u.paste(b, blocks[i+1:])
			}
		})
	}
}

// install gives a folder with leat in it.
func install(t *testing.T) string {
	t.Helper()
	programs := t.TempDir()
	install := exec.Command("go", "install", "./cmd/leat") // as the README says, also where it is not among those tried
	install.Env = append(os.Environ(), "GOBIN="+programs)
	if output, err := install.CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	return programs
}

// TestLinesWithGrpcurlWorkAgainstTheDemo pastes them as the README says, and looks no closer at what they print: the
// demo has orders of its own.
func TestLinesWithGrpcurlWorkAgainstTheDemo(t *testing.T) {
	u := newUser(t, install(t))
	demo := u.command("bash", "-c", "exec leat demo --data demo")
	demo.Env = append(demo.Env, u.listen...)
	u.start("demo", demo)
	u.output("demo", 3)
	pasted := 0
	for _, b := range blocksOf(t, "README.md") {
		if !strings.Contains(b.text, "grpcurl") {
			continue
		}
		u.paste(b, nil)
		if strings.HasPrefix(b.comment, "run in the background: ") || b.comment == "run" {
			pasted++
		}
		if b.comment == "run" && strings.Contains(b.text, "/Publish") && !strings.Contains(strings.Join(u.printed, ""), `"stored": "1"`) {
			t.Errorf("nothing is stored by\n%s%q", b.text, u.printed)
		}
	}
	if pasted < 5 {
		t.Errorf("%d blocks were pasted, want those for list and describe, to publish and to subscribe, both from reflection and from the .proto", pasted)
	}
}

// A block is a fenced one of a page, and the comment before it, which says what a reader does with it.
type block struct{ language, comment, text string }

var fenced = regexp.MustCompile("(?ms)^(?:<!-- ([^\n]*) -->\n)?```([a-z]*)\n(.*?)^```$")

func blocksOf(t *testing.T, file string) []block {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []block
	for _, found := range fenced.FindAllStringSubmatch(string(page), -1) {
		all = append(all, block{comment: found[1], language: found[2], text: found[3]})
	}
	return all
}

// A user is who reads the README, in an empty folder.
type user struct {
	t           *testing.T
	repository  string
	folder      string
	environment []string
	listen      []string             // the environment in which leat serve listens elsewhere
	there, back *strings.Replacer    // between the addresses of the page and those that are free
	shop        string               // where the program of the README listens
	background  map[string]*terminal // what was started there, by name
	printed     []string             // by the last block that has ended
}

// A terminal is a program that runs in the background.
type terminal struct {
	cmd    *exec.Cmd
	output *bufio.Scanner
	read   []string // of output, and not yet compared
}

func newUser(t *testing.T, programs string) *user {
	t.Helper()
	repository, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	public, admin, grpc, shop := freeAddress(t), freeAddress(t), freeAddress(t), freeAddress(t)
	return &user{
		t: t, repository: repository, folder: t.TempDir(), shop: shop,
		environment: append(os.Environ(), "LEAT_SERVER=http://"+public,
			"GOBIN="+programs, "PATH="+programs+string(filepath.ListSeparator)+os.Getenv("PATH")),
		listen: []string{"LEAT_LISTEN=" + public, "LEAT_LISTEN_ADMIN=" + admin, "LEAT_LISTEN_GRPC=" + grpc},
		there: strings.NewReplacer("127.0.0.1:8080", public, "127.0.0.1:8081", admin, "127.0.0.1:8082", grpc,
			"127.0.0.1:8090", shop),
		back: strings.NewReplacer(public, "127.0.0.1:8080", admin, "127.0.0.1:8081", grpc, "127.0.0.1:8082",
			shop, "127.0.0.1:8090"),
		background: make(map[string]*terminal),
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// paste does with a block what its comment says; rest are those after it.
func (u *user) paste(b block, rest []block) {
	u.t.Helper()
	text := u.there.Replace(b.text)
	do, name, _ := strings.Cut(b.comment, ": ")
	switch do {
	case "not run":
	case "file":
		u.write(filepath.Join(u.folder, name), text)
	case "run":
		u.run(u.folder, text, true)
	case "run, and fail":
		u.run(u.folder, text, false)
	case "run in the repository":
		u.run(u.repository, text, true)
	case "run, unless there is grpcurl":
		u.install(text)
	case "run, once 127.0.0.1:8090 answers":
		u.await(u.shop)
		u.run(u.folder, text, true)
	case "run in the background":
		cmd := u.command("bash", "-c", text)
		cmd.Env = append(cmd.Env, u.listen...)
		u.start(name, cmd)
		// Who looks at the terminal sees that it runs before going on: a subscription stands then.
		u.background[name].read = u.output(name, 1)
	case "run as a program, in the background":
		u.start(name, u.command(u.build(name, text)))
	case "run in a browser":
		u.browse(text, strings.Count(rest[0].text, "\n"))
	case "prints":
		u.compare(b.text, u.output(name, strings.Count(text, "\n")))
	case "":
		if !slices.Contains([]string{"mermaid", "json"}, b.language) {
			u.t.Errorf("no comment says what the test does with this block:\n%s", b.text)
		}
	default:
		u.t.Errorf("the test knows no %q", b.comment)
	}
}

func (u *user) write(file, text string) {
	u.t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		u.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		u.t.Fatal(err)
	}
}

func (u *user) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = u.folder, u.environment
	// bash is asked for programs on the user's PATH, which exec.Command does not know.
	if program == "bash" {
		cmd.Args = append([]string{"bash", "-eu", "-o", "pipefail"}, args...)
	}
	return cmd
}

// run waits for the block's end. What fails tells why on standard error, which is then compared too.
func (u *user) run(folder, text string, succeeds bool) {
	u.t.Helper()
	cmd := u.command("bash", "-c", text)
	cmd.Dir = folder
	var output, complaints strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &complaints
	if !succeeds {
		cmd.Stderr = &output
	}
	tooLate := time.AfterFunc(within, func() { _ = cmd.Process.Kill() })
	defer tooLate.Stop()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (succeeds || !errors.As(err, &exit)) || err == nil && !succeeds {
		u.t.Fatalf("it ended with %v:\n%s\n%s%s", err, text, output.String(), complaints.String())
	}
	u.printed = strings.Split(strings.TrimRight(output.String(), "\n"), "\n")
}

// install skips what needs grpcurl where it cannot be had: nothing else of the tests needs the network.
func (u *user) install(text string) {
	u.t.Helper()
	if _, err := exec.LookPath("grpcurl"); err == nil {
		return
	}
	if output, err := u.command("bash", "-c", text).CombinedOutput(); err != nil {
		u.t.Skipf("the rest of the README is not tried, for want of grpcurl: %v\n%s", err, output)
	}
}

// start lets a program run to the test's end.
func (u *user) start(name string, cmd *exec.Cmd) {
	u.t.Helper()
	log, err := os.Create(filepath.Join(u.folder, name+".log"))
	if err != nil {
		u.t.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	output, err := cmd.StdoutPipe()
	if err != nil {
		u.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	u.background[name] = &terminal{cmd: cmd, output: bufio.NewScanner(output)}
	u.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
}

// output gives so many lines: of the block that ran last or, with a name, the next ones of what runs in the background.
func (u *user) output(name string, lines int) []string {
	u.t.Helper()
	if name == "" {
		return u.printed
	}
	running := u.background[name]
	if running == nil {
		u.t.Fatalf("nothing in the background is called %s", name)
	}
	tooLate := time.AfterFunc(within, func() { _ = running.cmd.Process.Kill() })
	defer tooLate.Stop()
	all := running.read
	running.read = nil
	for len(all) < lines && running.output.Scan() {
		if running.output.Text() == ": heartbeat" { // on a busy machine time enough passes for one: its id, an empty line
			running.output.Scan()
			running.output.Scan()
			continue
		}
		all = append(all, running.output.Text())
	}
	if len(all) < lines {
		log, _ := os.ReadFile(filepath.Join(u.folder, name+".log")) // for people, if it is there
		u.t.Errorf("%s printed %d lines of %d: %s", name, len(all), lines, log)
	}
	return all
}

// await waits until somebody listens.
func (u *user) await(address string) {
	u.t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(within); ; <-again.C {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			u.t.Fatal(err)
		}
	}
}

// build compiles a program as if it were a folder of this module, so that it finds the module's dependencies.
func (u *user) build(name, text string) string {
	u.t.Helper()
	source, overlay := filepath.Join(u.folder, name+".go"), filepath.Join(u.folder, name+".json")
	u.write(source, text)
	replace := map[string]map[string]string{"Replace": {filepath.Join(u.repository, "readme-"+name, "main.go"): source}}
	list, err := json.Marshal(replace)
	if err != nil {
		u.t.Fatal(err)
	}
	u.write(overlay, string(list))
	program := filepath.Join(u.folder, name+".program")
	cmd := u.command("go", "build", "-overlay", overlay, "-o", program, "./readme-"+name)
	cmd.Dir = u.repository
	if output, err := cmd.CombinedOutput(); err != nil {
		u.t.Fatalf("%v:\n%s", err, output)
	}
	return program
}

// browse pastes a script into the console of a page of the server, until it has logged as many lines as the next block shows.
func (u *user) browse(script string, lines int) {
	u.t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WSURLReadTimeout(within))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, within)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(u.there.Replace("http://127.0.0.1:8080/healthz"))); err != nil {
		u.t.Fatal(err)
	}
	logged := chromedp.Console(ctx)
	// The 0 stands for the script's own value, which need not be JSON.
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[int](script+"\n;0")); err != nil {
		u.t.Fatalf("%v:\n%s", err, script)
	}
	u.printed = nil
	for message, err := range logged {
		if err != nil {
			u.t.Fatalf("after %q: %v:\n%s", u.printed, err, script)
		}
		if message.Type != chromedp.ConsoleLog {
			continue // the browser's own, such as that the page has no icon
		}
		u.printed = append(u.printed, message.Text)
		if len(u.printed) == lines {
			return
		}
	}
}

// What differs each time.
var changing = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\b[a-z2-7]{8}-(\d+)`), "incarnat-$1"},
	{regexp.MustCompile(`retry: \d+`), "retry: 2000"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`), "2024-05-01T10:00:00Z"},
}

func (u *user) compare(want string, got []string) {
	u.t.Helper()
	text := u.back.Replace(strings.Join(got, "\n") + "\n")
	for _, c := range changing {
		want, text = c.what.ReplaceAllString(want, c.with), c.what.ReplaceAllString(text, c.with)
	}
	if diff := cmp.Diff(want, text); diff != "" {
		u.t.Errorf("the page shows what is not printed (-page +printed):\n%s", diff)
	}
}
