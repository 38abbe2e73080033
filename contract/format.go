package contract

import _ "embed" // the schema of the format

//go:embed format.json
var format []byte

// FormatSchema is the JSON Schema (draft 7, which editors know) of the contract format: it completes and checks while
// one types. What only Parse can tell, such as whether an example is valid, it does not.
func FormatSchema() []byte { return format }
