package contract

import (
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

const (
	defaultAge         = 24 * time.Hour
	defaultBytes       = 1 << 30
	defaultMemoryBytes = 64 << 20
	defaultHeartbeat   = 15 * time.Second
	defaultEventBytes  = 64 << 10
	mostEventBytes     = 1 << 20
	defaultTimeout     = 5 * time.Second
)

// stream reads one stream, with its defaults filled in.
func (r *reading) stream(m member) *Stream {
	s := &Stream{Name: m.name}
	of := fmt.Sprintf("stream %q", shorten(m.name))
	f := r.fields(m.value, of+": ", "summary", "description", "mode", "key", "events", "commands", "backend",
		"transports", "durability", "replicas", "retention", "heartbeat", "coalesce", "slow", "maxEventBytes", "access")
	s.Summary, s.Description = f.string("summary"), f.string("description")
	s.Mode = word(f, "mode", ModeEvents, ModeEvents, ModeState)
	s.Key = f.key()
	if v := f.get("key"); v != nil {
		r.keyOf(s, v.at)
	}
	s.Transports = f.transports()
	s.Durability = word(f, "durability", Disk, Disk, DiskSync, Memory, None)
	s.Replicas = f.replicas()
	s.Retention = f.retention(s.Durability)
	s.Heartbeat = f.duration("heartbeat", defaultHeartbeat, time.Second, 5*time.Minute)
	s.Coalesce = f.duration("coalesce", 0, time.Millisecond, time.Second)
	s.Slow = f.slow(s)
	s.MaxEventBytes = int(f.size("maxEventBytes", defaultEventBytes, mostEventBytes))
	s.Backend = f.backend()
	s.Access = f.access()
	if m.value.kind == isMapping {
		f.types(s, of)
	}
	f.state(s)
	f.notBuilt(s)
	return s
}

func (r *reading) keyOf(s *Stream, at place) {
	if r.keys == nil {
		r.keys = map[*Stream]place{}
	}
	r.keys[s] = at
}

// A "~" in a JSON Pointer is followed by 0 or 1 (RFC 6901, section 3).
var jsonPointer = regexp.MustCompile(`^(/([^~/]|~[01])*)+$`)

func (f fields) key() KeySource {
	text, ok := f.scalar("key", isString, "path, or a JSON Pointer into the data such as /orderId")
	switch {
	case !ok:
		return KeySource{}
	case text == "path":
		return KeySource{Path: true}
	case !jsonPointer.MatchString(text):
		hint := ""
		if with := "/" + strings.TrimPrefix(text, "$."); text != "" && jsonPointer.MatchString(with) {
			hint = fmt.Sprintf("; did you mean %q?", shorten(with))
		}
		f.wrong("key", f.get("key").at, "must be path, or a JSON Pointer into the data such as /orderId, not %q%s",
			shorten(text), hint)
		return KeySource{}
	}
	return KeySource{Pointer: text}
}

func (f fields) replicas() int {
	v := f.get("replicas")
	if v == nil {
		return 0
	}
	switch v.text {
	case "1", "3", "5":
		if v.kind == isNumber || v.filled {
			return int(v.text[0] - '0')
		}
	}
	f.wrong("replicas", v.at, "must be 1, 3 or 5, not %s", v.describe())
	return 0
}

func (f fields) retention(durability Durability) Retention {
	kept := Retention{Age: defaultAge, Bytes: defaultBytes}
	switch durability {
	case None:
		kept = Retention{}
		for _, name := range []string{"retention", "replicas"} {
			if v := f.get(name); v != nil {
				f.wrong(name, v.at, "is of no use with durability none, which stores nothing: leave one of the two out")
			}
		}
	case Memory:
		kept.Bytes = defaultMemoryBytes
	}
	v := f.get("retention")
	if v == nil {
		return kept
	}
	inner := f.r.fields(v, f.of+"retention.", "age", "bytes", "events")
	// JetStream keeps no less than 100 ms.
	kept.Age = inner.duration("age", kept.Age, 100*time.Millisecond, math.MaxInt64)
	kept.Bytes = inner.size("bytes", kept.Bytes, math.MaxInt64)
	kept.Events = inner.count("events")
	return kept
}

func (f fields) slow(s *Stream) Slow {
	fallback := SlowReplay
	if s.Durability == None {
		fallback = SlowSkip
	}
	slow := word(f, "slow", fallback, SlowReplay, SlowSkip, SlowConflate)
	switch {
	case s.Durability == None && slow != SlowSkip:
		f.wrong("slow", f.get("slow").at, "must be skip with durability none, which stores nothing to %s", slow)
	case slow == SlowConflate && s.Mode != ModeState:
		f.wrong("slow", f.get("slow").at, "can be conflate only with mode: state; with mode: events write replay or skip")
	}
	return slow
}

// state checks what mode: state needs.
func (f fields) state(s *Stream) {
	if v := f.get("mode"); v != nil && s.Mode == ModeState && f.value.get("key") == nil {
		f.wrong("mode", v.at, "is state, which keeps the last value per key: a key is missing, such as key: /id")
	}
}

func (f fields) backend() *Backend {
	v := f.get("backend")
	if v == nil {
		return nil
	}
	inner := f.r.fields(v, f.of+"backend.", "url", "timeout", "headers", "lifecycle")
	b := &Backend{Timeout: inner.duration("timeout", defaultTimeout, time.Millisecond, 5*time.Minute)}
	b.Lifecycle = inner.bool("lifecycle")
	b.Headers = inner.headers()
	if at := inner.require("url", "such as url: http://127.0.0.1:8090/chat"); at != nil {
		b.URL = inner.string("url")
		if u, err := url.Parse(b.URL); at.kind == isString && (err != nil || u.Host == "" || !backendScheme(u.Scheme)) {
			inner.wrong("url", at.at, "must be an http, https, grpc or grpcs address, such as http://127.0.0.1:8090/chat, not %s",
				at.describe())
		}
	}
	return b
}

func backendScheme(scheme string) bool {
	return scheme == "http" || scheme == "https" || scheme == "grpc" || scheme == "grpcs"
}

func (f fields) headers() map[string]string {
	v := f.get("headers")
	if v == nil {
		return nil
	}
	if v.kind != isMapping {
		f.wrong("headers", v.at, "must be a mapping of names to values, not %s", v.describe())
		return nil
	}
	headers := map[string]string{}
	inner := fields{f.r, f.of + "headers.", v}
	for _, m := range v.members {
		text := inner.string(m.name)
		switch {
		case !httpguts.ValidHeaderFieldName(m.name):
			f.wrong("headers", m.at, "has the name %q, which is not valid in HTTP", shorten(m.name))
		case !httpguts.ValidHeaderFieldValue(text):
			f.wrong("headers", m.value.at, "has a value for %s with characters that are not valid in HTTP", m.name)
		}
		headers[m.name] = text
	}
	return headers
}

var (
	grant     = regexp.MustCompile(`^[^\s\x00-\x1F\x7F]{1,256}$`)
	keysOwner = regexp.MustCompile(`^[^{}]*(\{[^{}\s]+\}[^{}]*)+$`)
)

func (f fields) access() Access {
	v := f.get("access")
	if v == nil {
		return Access{}
	}
	inner := f.r.fields(v, f.of+"access.", "subscribe", "publish", "command", "keys")
	a := Access{inner.string("subscribe"), inner.string("publish"), inner.string("command"), inner.string("keys")}
	for name, text := range map[string]string{"subscribe": a.Subscribe, "publish": a.Publish, "command": a.Command} {
		if v := inner.get(name); v != nil && v.kind == isString && !grant.MatchString(text) {
			inner.wrong(name, v.at, "must be public, authenticated or the name of a grant, not %s", v.describe())
		}
	}
	if v := inner.get("keys"); v != nil && v.kind == isString {
		if !keysOwner.MatchString(a.Keys) {
			inner.wrong("keys", v.at, `must name a claim in braces, such as "{sub}", not %s`, v.describe())
		}
		if f.value.get("key") == nil {
			inner.wrong("keys", v.at, "limits the keys that a caller may touch, but the stream has no key")
		}
	}
	return a
}

// notBuilt notes what parses but is not there yet, so that nobody believes that it works.
func (f fields) notBuilt(s *Stream) {
	note := func(name, what string) {
		if at, there := f.nameOf(name); there {
			f.r.contract.notBuilt = append(f.r.contract.notBuilt, at.error("%s%s not built yet", f.of, what))
		}
	}
	if s.Mode == ModeState {
		note("mode", "mode state is")
	}
	if s.Slow == SlowConflate {
		note("slow", "slow conflate is")
	}
	if s.Durability == DiskSync {
		note("durability", "durability disk-sync is")
	}
	if s.Replicas > 1 {
		note("replicas", "replicas above 1 are")
	}
	note("access", "access is")
}
