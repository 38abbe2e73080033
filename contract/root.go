package contract

import (
	"net/mail"
	"net/url"
	"regexp"
	"strings"

	"github.com/leatstream/leat/internal/problem"
)

// root reads the contract's top level.
func (r *reading) root(v *value) {
	f := r.fields(v, "", "leat", "info", "streams")
	if v.kind != isMapping {
		return
	}
	if format := f.require("leat", "leat: 1, the format of this file"); format != nil && format.text != "1" {
		f.wrong("leat", format.at, "must be 1, the format of this file that this version reads, not %s", format.describe())
	}
	if info := f.require("info", "info: { title: …, version: 1.0.0 }"); info != nil {
		r.info(info)
	}
	if streams := f.require("streams", "at least one stream"); streams != nil {
		r.streams(streams)
	}
}

// The regular expression of semver.org, with a limit that it has not.
var semver = regexp.MustCompile(`^(0|[1-9]\d{0,18})\.(0|[1-9]\d{0,18})\.(0|[1-9]\d{0,18})` +
	`(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?` +
	`(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$`)

func (r *reading) info(v *value) {
	f := r.fields(v, "info.", "title", "version", "description", "contact", "license")
	info := &r.contract.Info
	if title := f.require("title", "the name of the API"); title != nil {
		info.Title = f.string("title")
		if title.kind == isString && strings.TrimSpace(info.Title) == "" {
			f.wrong("title", title.at, "is empty: write the name of the API")
		}
	}
	if version := f.require("version", "the API's semantic version, such as 1.0.0"); version != nil {
		info.Version = version.text
		if version.kind == isList || version.kind == isMapping || !semver.MatchString(version.text) {
			f.wrong("version", version.at, "must be a semantic version, such as 1.0.0, not %s", version.describe())
		}
	}
	info.Description = f.string("description")
	if contact := f.get("contact"); contact != nil {
		f := r.fields(contact, "info.contact.", "name", "url", "email")
		info.Contact = Contact{Name: f.string("name"), URL: f.webAddress("url"), Email: f.string("email")}
		if _, err := mail.ParseAddress(info.Contact.Email); err != nil && info.Contact.Email != "" {
			f.wrong("email", f.get("email").at, "must be an e-mail address, not %q", shorten(info.Contact.Email))
		}
	}
	if license := f.get("license"); license != nil {
		r.license(license)
	}
}

func (r *reading) license(v *value) {
	f := r.fields(v, "info.license.", "name", "identifier", "url")
	f.require("name", "name: Apache 2.0")
	r.contract.Info.License = License{
		Name: f.string("name"), Identifier: f.string("identifier"), URL: f.webAddress("url"),
	}
	if both := f.get("url"); both != nil && f.get("identifier") != nil {
		f.wrong("url", both.at, "excludes identifier: write one of them")
	}
}

func (f fields) webAddress(name string) string {
	text := f.string(name)
	if text == "" {
		return ""
	}
	if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		f.wrong(name, f.get(name).at, "must be an address such as https://example.com, not %q", shorten(text))
	}
	return text
}

var streamName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

func (r *reading) streams(v *value) {
	if v.kind != isMapping || len(v.members) == 0 {
		r.errorf(v.at, "streams must be a mapping with at least one stream, not %s", emptyOr(v))
		return
	}
	for _, m := range v.members {
		switch {
		case m.name == "leat":
			r.errorf(m.at, `a stream cannot be named "leat": that name is leat's own`)
		case !streamName.MatchString(m.name):
			r.errorf(m.at, "stream name %q is not valid: a small letter, then at most 62 small letters, digits and \"-\"%s",
				shorten(m.name), suggestStream(m.name))
		}
		if !m.value.broken {
			r.contract.Streams = append(r.contract.Streams, r.stream(m))
		}
	}
}

func suggestStream(name string) string {
	better := strings.NewReplacer("_", "-", ".", "-", " ", "-").Replace(strings.ToLower(name))
	if streamName.MatchString(better) && better != "leat" {
		return `, such as "` + better + `"`
	}
	return ""
}

// emptyOr describes a value that should have had members.
func emptyOr(v *value) string {
	if v.kind == isMapping {
		return "an empty one"
	}
	return v.describe()
}

var transports = []string{string(SSE), string(WebSocket), string(GRPC)}

func (f fields) transports() []Transport {
	all := []Transport{SSE, WebSocket, GRPC}
	v := f.get("transports")
	if v == nil {
		return all
	}
	if v.kind != isList || len(v.items) == 0 {
		f.wrong("transports", v.at, "must be a list of at least one of sse, websocket, grpc, not %s", emptyList(v))
		return all
	}
	var offered []Transport
	seen := map[string]bool{}
	for _, item := range v.items {
		known := false
		for _, t := range all {
			known = known || item.text == string(t)
		}
		switch {
		case item.broken:
		case !known:
			f.wrong("transports", item.at, "must be of sse, websocket, grpc, not %s%s", item.describe(),
				problem.DidYouMean(item.text, transports))
		case seen[item.text]:
			f.wrong("transports", item.at, "names %s twice", item.text)
		default:
			offered = append(offered, Transport(item.text))
		}
		seen[item.text] = true
	}
	return offered
}

func emptyList(v *value) string {
	if v.kind == isList {
		return "an empty one"
	}
	return v.describe()
}
