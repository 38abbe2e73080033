package document

// What of the OpenAPI Specification (3.0.3, 3.1.0, 3.2.0) leat's documents have; see there for what it means.

// An OpenAPIDocument is the OpenAPI Object.
type OpenAPIDocument struct {
	OpenAPI    string          `json:"openapi"`
	Info       *info           `json:"info"`
	Servers    []server        `json:"servers"`
	Security   []Map[[]string] `json:"security"`
	Tags       []tag           `json:"tags"`
	Paths      Map[*pathItem]  `json:"paths"`
	Components *apiComponents  `json:"components"`
}

type info struct {
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Contact     *contact `json:"contact,omitempty"`
	License     *license `json:"license,omitempty"`
	Version     string   `json:"version"`
}

type contact struct {
	Name  string `json:"name,omitempty"`
	URL   string `json:"url,omitempty"`
	Email string `json:"email,omitempty"`
}

type license struct {
	Name       string `json:"name"`
	Identifier string `json:"identifier,omitempty"` // not in 3.0
	Leat       Object `json:"x-leat,omitempty"`     // what the version has no word for
	URL        string `json:"url,omitempty"`
}

type server struct {
	URL string `json:"url"`
}

type tag struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

type pathItem struct {
	Leat Object     `json:"x-leat,omitempty"`
	Get  *operation `json:"get,omitempty"`
	Post *operation `json:"post,omitempty"`
}

type operation struct {
	OperationID string          `json:"operationId"`
	Summary     string          `json:"summary"`
	Description string          `json:"description"`
	Tags        []string        `json:"tags"`
	Security    []Map[[]string] `json:"security,omitempty"`
	Parameters  []parameter     `json:"parameters,omitempty"`
	RequestBody *requestBody    `json:"requestBody,omitempty"`
	Responses   Map[*response]  `json:"responses"`
}

type parameter struct {
	Name        string `json:"name"`
	In          string `json:"in"`
	Description string `json:"description"`
	Required    bool   `json:"required,omitempty"`
	Schema      Object `json:"schema"`
	Example     any    `json:"example,omitempty"`
}

type requestBody struct {
	Description string          `json:"description,omitempty"`
	Required    bool            `json:"required"`
	Content     Map[*mediaType] `json:"content"`
}

type mediaType struct {
	Schema     Object        `json:"schema,omitempty"`
	ItemSchema Object        `json:"itemSchema,omitempty"` // from 3.2
	Examples   Map[*example] `json:"examples,omitempty"`
}

type example struct {
	Summary string `json:"summary,omitempty"`
	Value   any    `json:"value"`
	Leat    Object `json:"x-leat,omitempty"`
}

type response struct {
	Ref         string          `json:"$ref,omitempty"`
	Description string          `json:"description,omitempty"`
	Headers     Map[*header]    `json:"headers,omitempty"`
	Content     Map[*mediaType] `json:"content,omitempty"`
}

type header struct {
	Description string `json:"description"`
	Required    bool   `json:"required,omitempty"`
	Schema      Object `json:"schema"`
}

type apiComponents struct {
	Schemas         Map[any]       `json:"schemas"`
	Responses       Map[*response] `json:"responses"`
	SecuritySchemes Map[Object]    `json:"securitySchemes,omitempty"`
}
