package lint

var openSchema = &Rule{ID: "open-schema", Severity: Warning,
	Reason: "Where anything goes, whatever the backend happens to send becomes the API: nobody can check it, generate code for it or change it.",
	check: func(p *pass) {
		p.parts(func(at part) {
			others := at.Get("additionalProperties")
			switch {
			case others.IsTrue(), others.IsMapping() && len(others.JSON()) == len("{}"):
				p.report(others, "declare the members, or give additionalProperties the schema that they have",
					"%s can have members of any name and kind", what(at, "the object"))
			case len(at.JSON()) == len("{}"):
				p.report(at.Tree, "say what it is", "%s can be anything", what(at, "the data"))
			case at.is("object") && !at.has("properties", "patternProperties", "additionalProperties", "unevaluatedProperties",
				"propertyNames", "allOf", "anyOf", "oneOf", "if", "$ref", "enum", "const"):
				p.report(at.Tree, "declare its properties", "%s is an object of anything", what(at, "the data"))
			}
		})
	}}
