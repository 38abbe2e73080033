// Package origin knows which browser pages may do more than look, by the origin that they come from.
package origin

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/leatstream/leat/internal/problem"
)

// An Origin is what a browser puts into the Origin header (RFC 6454, section 6.2): a scheme, a host and, where it is
// not the scheme's own, a port. Any stands for every origin.
type Origin string

// Any is every origin.
const Any Origin = "*"

// Parse keeps the form that browsers send, so that origins can be compared as text.
func Parse(text string) (Origin, error) {
	if text == string(Any) {
		return Any, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || strings.ContainsAny(u.Host, "*, ") || u.User != nil ||
		(u.Scheme != "http" && u.Scheme != "https") || strings.TrimSuffix(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%q is no origin: give SCHEME://HOST[:PORT], such as https://app.example.com, or * for all", text)
	}
	host := strings.ToLower(u.Host)
	if u.Scheme == "http" {
		host = strings.TrimSuffix(host, ":80")
	} else {
		host = strings.TrimSuffix(host, ":443")
	}
	return Origin(u.Scheme + "://" + host), nil
}

// UnmarshalText is Parse.
func (o *Origin) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*o = parsed
	return nil
}

// A Rule says whose pages are trusted.
type Rule struct {
	Allowed  []Origin
	Loopback bool // the server listens on loopback alone
}

// Trusts tells whether pages of an origin may write and open WebSockets: one that is allowed by name, one of localhost
// where the server is on loopback, and else the server's own, which is the host that the request names. On loopback
// that host proves nothing: an attacker's name can resolve to 127.0.0.1 (DNS rebinding), and is then both.
func (r Rule) Trusts(origin, host string) bool {
	if slices.Contains(r.Allowed, Any) || slices.Contains(r.Allowed, Origin(origin)) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	if r.Loopback {
		return isLocalhost(u.Hostname())
	}
	return strings.EqualFold(withPort(u.Host, u.Scheme), withPort(host, u.Scheme))
}

// Foreign is the problem of a page that is not trusted.
func (r Rule) Foreign(origin string) *problem.Error {
	if r.Loopback {
		return problem.New(problem.Forbidden, "pages of origin %q may not do this: a server on a loopback address trusts pages of localhost, "+
			"and of the origins that its allow-origin setting names, among them its own where it is behind a proxy", origin)
	}
	return problem.New(problem.Forbidden, "pages of origin %q may not do this; the server's allow-origin setting lists those that may", origin)
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

// isLocalhost knows the names that no resolver may give to others (RFC 6761, section 6.3), and loopback addresses.
func isLocalhost(name string) bool {
	name = strings.ToLower(name)
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}
