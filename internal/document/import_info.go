package document

import (
	"net/mail"
	"net/url"
	"regexp"
	"strings"

	"github.com/leatstream/leat/contract"
)

// The beginning of a version that can be made a semantic one.
var versionLike = regexp.MustCompile(`^v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?$`)

// info carries the document's title, version and whom to ask.
func (im *importer) info() Object {
	from := im.root.Get("info")
	title := strings.TrimSpace(from.Get("title").Scalar())
	if title == "" {
		title = "Untitled"
		im.skip(from, "the document has no title: it is called %s", title)
	}
	o := object("title", title, "version", im.version(from.Get("version")))
	if text := from.Get("description").String(); text != "" && text != undescribed {
		o.Set("description", text)
	}
	im.contact(&o, from.Get("contact"))
	im.license(&o, from.Get("license"))
	return o
}

// version makes a semantic version, since contracts have no others.
func (im *importer) version(at contract.Tree) string {
	text := at.Scalar()
	if _, err := contract.Parse("v.yaml", []byte("leat: 1\ninfo: { title: t, version: "+string(at.JSON())+" }\n"+
		"streams: { s: { events: { e: { schema: true } } } }\n")); err == nil {
		return text
	}
	made := "1.0.0"
	if parts := versionLike.FindStringSubmatch(text); parts != nil {
		for i := range parts[1:] {
			if parts[i+1] = strings.TrimLeft(parts[i+1], "0"); parts[i+1] == "" {
				parts[i+1] = "0"
			}
		}
		made = strings.Join(parts[1:], ".")
	}
	im.skip(at, "version %.40q is no semantic version: it becomes %s", text, made)
	return made
}

func (im *importer) contact(o *Object, from contract.Tree) {
	var c Object
	if name := from.Get("name").String(); name != "" {
		c.Set("name", name)
	}
	if address := from.Get("url").String(); isWeb(address) {
		c.Set("url", address)
	}
	if email := from.Get("email").String(); email != "" {
		if _, err := mail.ParseAddress(email); err == nil {
			c.Set("email", email)
		}
	}
	if len(c) > 0 {
		o.Set("contact", c)
	}
}

func (im *importer) license(o *Object, from contract.Tree) {
	name := from.Get("name").String()
	if name == "" {
		return
	}
	l := object("name", name)
	id := from.Get("identifier").String()
	if own := from.Get(extensionName, "identifier").String(); own != "" {
		id = own
	}
	if id != "" {
		l.Set("identifier", id)
	} else if address := from.Get("url").String(); isWeb(address) {
		l.Set("url", address)
	}
	o.Set("license", l)
}

func isWeb(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}
