package leat

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// trustedOrigin tells whether pages of an origin (RFC 6454) may write and open WebSockets: the server's own, one
// that is allowed by name, and a localhost one where the listener is on loopback.
func trustedOrigin(origin, host string, allowed []string, loopback bool) bool {
	if slices.Contains(allowed, "*") || slices.Contains(allowed, origin) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	if strings.EqualFold(withPort(u.Host, u.Scheme), withPort(host, u.Scheme)) {
		return true
	}
	return loopback && isLocalhost(u.Hostname())
}

// withPort names the scheme's default port where host does not say one.
func withPort(host, scheme string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	port := "80"
	if scheme == "https" {
		port = "443"
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

func isLocalhost(name string) bool {
	name = strings.ToLower(name)
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}
