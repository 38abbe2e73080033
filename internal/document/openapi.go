package document

import (
	"fmt"
	"slices"
	"strings"

	"github.com/leatstream/leat/contract"
)

// A Version is one of the OpenAPI Specification.
type Version string

// The versions of OpenAPI that a contract can be written as.
const (
	OpenAPI30 Version = "3.0"
	OpenAPI31 Version = "3.1"
	OpenAPI32 Version = "3.2"
)

// DefaultOpenAPI is the version where none is asked for: nothing of a JSON Schema is lost in it, and of those that hold
// this it is the one that most tools read.
const DefaultOpenAPI = OpenAPI31

// OpenAPIVersions lists them all.
func OpenAPIVersions() []Version { return []Version{OpenAPI30, OpenAPI31, OpenAPI32} }

// OpenAPIVersionNames lists them for people.
func OpenAPIVersionNames() string {
	return fmt.Sprintf("%s, %s or %s", OpenAPI30, OpenAPI31, OpenAPI32)
}

// ParseOpenAPIVersion reads a version; the error lists those that there are.
func ParseOpenAPIVersion(text string) (Version, error) {
	if v := Version(text); slices.Contains(OpenAPIVersions(), v) {
		return v, nil
	}
	return "", fmt.Errorf("%.100q is no version of OpenAPI that leat writes: %s", text, OpenAPIVersionNames())
}

// full is the version as a document names it.
func (v Version) full() string {
	if v == OpenAPI30 {
		return "3.0.3"
	}
	return string(v) + ".0"
}

// An openAPI is a document being made.
type openAPI struct {
	version   Version
	doc       *OpenAPIDocument
	parts     *components
	ids       names // of operations
	responses map[string]*response
	secured   bool
}

// OpenAPI describes what a contract's server answers over plain HTTP; address is its URL.
func OpenAPI(c *contract.Contract, version Version, address string) *OpenAPIDocument {
	b := &openAPI{version: version, doc: &OpenAPIDocument{}, ids: names{}, responses: map[string]*response{}}
	adapt := withItems
	if version == OpenAPI30 {
		adapt = inOpenAPI30
	}
	b.parts = newComponents(c, adapt, ownNames...)
	b.doc.OpenAPI = version.full()
	b.doc.Info = b.info(c.Info)
	b.doc.Servers = []server{{URL: address}}
	b.doc.Security = []Map[[]string]{}
	for _, s := range c.Streams {
		b.stream(s)
	}
	b.finish()
	return b.doc
}

// undescribed is the description of an API whose contract has none: validators want one.
const undescribed = "Event streams: subscribe with a GET, publish with a POST."

func (b *openAPI) info(i contract.Info) *info {
	out := &info{Title: i.Title, Version: i.Version, Description: i.Description}
	if out.Description == "" {
		out.Description = undescribed
	}
	if i.Contact != (contract.Contact{}) {
		out.Contact = &contact{Name: i.Contact.Name, URL: i.Contact.URL, Email: i.Contact.Email}
	}
	if i.License != (contract.License{}) {
		out.License = &license{Name: i.License.Name, Identifier: i.License.Identifier, URL: i.License.URL}
		if id := i.License.Identifier; b.version == OpenAPI30 && id != "" {
			out.License.Identifier, out.License.URL = "", "https://spdx.org/licenses/"+id+".html"
			out.License.Leat = object("identifier", id)
		}
	}
	return out
}

// stream adds the paths of a stream. Those with a key are there where it has keys.
func (b *openAPI) stream(s *contract.Stream) {
	b.doc.Tags = append(b.doc.Tags, tag{s.Name, describeStream(s)})
	o := &streamAPI{openAPI: b, stream: s, name: pascal(s.Name)}
	o.schemas()
	for _, keyed := range []bool{false, true} {
		if keyed && s.Key.IsZero() {
			continue
		}
		item := &pathItem{Post: o.publish(keyed)}
		if s.Offers(contract.SSE) {
			item.Get = o.subscribe(keyed)
		}
		if !keyed {
			item.Leat = extension(s, b.parts)
		}
		b.doc.Paths.Set(path("/events/", s, keyed), item)
	}
	for _, keyed := range []bool{false, true} {
		if len(s.Commands) > 0 && !(keyed && s.Key.IsZero()) {
			b.doc.Paths.Set(path("/commands/", s, keyed), &pathItem{Post: o.command(keyed)})
		}
	}
}

func path(prefix string, s *contract.Stream, keyed bool) string {
	if keyed {
		return prefix + s.Name + "/{key}"
	}
	return prefix + s.Name
}

func describeStream(s *contract.Stream) string {
	if text := paragraphs(s.Summary, s.Description); text != "" {
		return text
	}
	return "The stream " + s.Name + "."
}

// enum is the schema of a value that is one alone.
func (b *openAPI) enum(kind string, value any) Object {
	if b.version == OpenAPI30 {
		return object("type", kind, "enum", []any{value})
	}
	return object("type", kind, "const", value)
}

// finish sorts the tags, and puts the components that are used into the document.
func (b *openAPI) finish() {
	// The contract's order is that of the paths; what lists tags lists them by name.
	slices.SortFunc(b.doc.Tags, func(a, b tag) int { return strings.Compare(a.Name, b.Name) })
	components := &apiComponents{Schemas: b.parts.schemas}
	for _, f := range failures {
		if r := b.responses[f.name]; r != nil {
			components.Responses.Set(f.name, r)
		}
	}
	if b.secured {
		components.SecuritySchemes.Set(securityScheme, object("type", "http", "scheme", "bearer", "bearerFormat", "JWT",
			"description", "A token of whom the server trusts."))
	}
	b.doc.Components = components
}

const securityScheme = "bearer"

// secure says what a caller needs: nothing, to be known, or a grant.
func (b *openAPI) secure(o *operation, need string) {
	if need == "" || need == "public" {
		return
	}
	b.secured = true
	roles := []string{}
	if need != "authenticated" {
		o.Description += "\n\nThe caller needs the grant `" + strings.ReplaceAll(need, "`", "'") + "`."
		if b.version != OpenAPI30 { // which has roles for OAuth alone
			roles = append(roles, need)
		}
	}
	o.Security = []Map[[]string]{{{securityScheme, roles}}}
	b.fail(o, "401")
	if !o.Responses.Has("403") {
		b.fail(o, "403")
	}
	slices.SortStableFunc(o.Responses, func(a, b Member[*response]) int { return strings.Compare(a.Name, b.Name) })
}
