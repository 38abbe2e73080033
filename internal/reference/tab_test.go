package reference_test

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

const patience = 10 * time.Second

// A tab is a page in a browser without a window.
type tab struct {
	*testing.T
	ctx context.Context
}

// openBrowser starts a browser, which ends with the test.
func openBrowser(t *testing.T) *tab {
	t.Helper()
	if os.Getenv("CI") == "" && !browserInstalled() {
		t.Skip("no Chromium is installed; make test installs one")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU)
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("closing the browser: %v", err)
		}
	})
	return &tab{t, ctx}
}

// browserInstalled looks for the names that chromedp knows.
func browserInstalled() bool {
	for _, name := range []string{
		"headless_shell", "headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	} {
		if _, err := exec.LookPath(name); err == nil {
			return true
		}
	}
	return false
}

// with is the same tab in a subtest.
func (b *tab) with(t *testing.T) *tab { return &tab{t, b.ctx} }

// open shows a page, until its scripts have run.
func (b *tab) open(url string) {
	b.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Navigate(url)); err != nil {
		b.Fatalf("open %s: %v", url, err)
	}
	b.until(`document.documentElement.dataset.ready === ""`)
}

// resize makes the page as wide as a screen, in light or dark.
func (b *tab) resize(width int64, scheme string) {
	b.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1})
	if err == nil {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
		_, err = chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
	}
	if err != nil {
		b.Fatalf("resize to %d, %s: %v", width, scheme, err)
	}
}

// until waits for an expression to be true.
func (b *tab) until(condition string) {
	b.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); ; <-again.C {
		is, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](condition))
		switch {
		case is:
			return
		case err != nil:
			b.Fatalf("%s: %v", condition, err)
		case time.Now().After(deadline):
			b.Fatalf("still not %s; the page says:\n%s", condition,
				evaluate[string](b, `[...document.querySelectorAll(".state, .told, .answer, .wrong")].map((e) => e.textContent).join("\n")`))
		}
	}
}

func (b *tab) run(script string) {
	b.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Evaluate[chromedp.Void](script)); err != nil {
		b.Fatalf("%s: %v", script, err)
	}
}

// evaluate gives what an expression is, or a promise that it is becomes.
func evaluate[T any](b *tab, expression string) T {
	b.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return value
}
