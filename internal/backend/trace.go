package backend

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"

	"golang.org/x/net/http/httpguts"
)

// A traceparent of any version begins as one of version 00 does (W3C Trace Context, section 3.2.4).
var traceparent = regexp.MustCompile(`^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$`)

const (
	maxTraceparent = 256
	maxTracestate  = 512 // what everybody has to pass on (section 3.3.1.5)
)

// traceContext passes on what a client gave where it is well-formed, and begins a trace where it is not.
func traceContext(parent, state string) (string, string) {
	if !IsTraceparent(parent) {
		var ids [24]byte
		_, _ = rand.Read(ids[:]) // never fails
		// Sampled: leat has no spans of its own, so it is the backend's to decide against.
		return "00-" + hex.EncodeToString(ids[:16]) + "-" + hex.EncodeToString(ids[16:]) + "-01", ""
	}
	if len(state) > maxTracestate || !httpguts.ValidHeaderFieldValue(state) {
		state = ""
	}
	return parent, state
}

// IsTraceparent tells whether a traceparent is well-formed, and so passed on to backends.
func IsTraceparent(text string) bool {
	if len(text) > maxTraceparent || !httpguts.ValidHeaderFieldValue(text) {
		return false
	}
	part := traceparent.FindStringSubmatch(text)
	const noTrace, noParent = "00000000000000000000000000000000", "0000000000000000"
	return part != nil && part[1] != "ff" && (part[1] != "00" || part[4] == "") && part[2] != noTrace && part[3] != noParent
}
